// The Helm chart in front of a real API server: it renders, is taken, grants no more than is meant, and makes the
// same objects as manifests/install.yaml.
import { expect } from 'chai'
import { execFile } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { parseAllDocuments } from 'yaml'
import { monitoringCrds } from '#test/bed/cache.ts'
import { startKubernetes, type BedKubernetes } from '#test/bed/kubernetes.ts'
import { readPolicyAround } from '#operator/sync-job/network-policy.ts'
import { requires } from '#test/bed/requires.ts'
import { digest, everything } from './every-value.ts'
import { wrongValues } from './wrong-values.ts'

interface Alert {
  alert: string
  expr: string
  labels: Record<string, string>
  annotations: Record<string, string>
}

interface KubeObject {
  kind: string
  metadata: {
    name: string
    namespace?: string
    labels?: Record<string, string>
    annotations?: Record<string, string>
  }
  spec?: { template?: { metadata: { labels: Record<string, string> } }; groups?: { rules: Alert[] }[] }
}

const root = fileURLToPath(new URL('../../..', import.meta.url))
const chart = join(root, 'helm', 'sluice')
const install = join(root, 'manifests', 'install.yaml')
const operator = 'system:serviceaccount:sluice-system:sluice-operator'

describe('Helm chart', () => {
  requires('kubernetes', 'monitoring-crds')
  let cluster: BedKubernetes
  const values = join(tmpdir(), `sluice-values-${process.pid}.json`)
  const rendered = join(tmpdir(), `sluice-chart-${process.pid}.yaml`)

  before(async function () {
    this.timeout(180_000)
    cluster = await startKubernetes({ node: false })
  })

  after(async function () {
    this.timeout(60_000)
    await cluster?.stop()
    for (const file of [rendered, values]) await rm(file, { force: true })
  })

  async function helm(...args: string[]): Promise<string> {
    const { stdout } = await promisify(execFile)('helm', args, { env: { ...process.env, ...cluster.env } })
    return stdout
  }

  const template = (...args: string[]) =>
    helm('template', 'sluice', chart, '--namespace', 'sluice-system', '--kube-version', '1.34.0', ...args)

  it('has nothing that helm lint finds', async () => {
    expect(await helm('lint', '--strict', '--kube-version', '1.34.0', chart)).to.include('0 chart(s) failed')
  })

  it('makes what manifests/install.yaml says', async () => {
    const ours = objects(await readFile(install, 'utf8')).filter(({ kind }) => kind !== 'Namespace')
    const theirs = objects(await template('--include-crds'))
    expect(byIdentity(theirs.map(withoutHelmLabels))).to.deep.equal(byIdentity(ours))
  })

  it('is taken by the API server, as is manifests/install.yaml', async () => {
    await cluster.kubectl('apply', '--server-side', '--validate=strict', '-f', install)
    await cluster.kubectl('wait', '--for=condition=Established', '--timeout=60s', 'crd/syncjobs.sluice.dev')
    const chosen = await template('--set', 'imagePullSecrets[0].name=x,priorityClassName=high')
    expect(chosen, 'the Secret of the workers').to.include('- --image-pull-secret=x\n')
    await writeFile(rendered, chosen)
    const taken = await cluster.kubectl('apply', '--dry-run=server', '--validate=strict', '-f', rendered)
    expect(taken).to.include('poddisruptionbudget.policy/sluice-operator configured')
  })

  it('brings every CRD to its own version by what the guide says, over one that is older', async () => {
    const kinds = ['datasources', 'syncjobs', 'virtualtables']
    const served = '/spec/versions/0/schema/openAPIV3Schema/description'
    const older = JSON.stringify([{ op: 'replace', path: served, value: 'older' }])
    for (const kind of kinds)
      await cluster.kubectl('patch', 'crd', `${kind}.sluice.dev`, '--type=json', '-p', older)
    await writeFile(rendered, await helm('show', 'crds', chart))
    await cluster.kubectl('apply', '--server-side', '--force-conflicts', '-f', rendered)
    const path = '{.items[*].spec.versions[0].schema.openAPIV3Schema.description}'
    const names = kinds.map(kind => `${kind}.sluice.dev`)
    const descriptions = await cluster.kubectl('get', 'crd', ...names, '-o', `jsonpath=${path}`)
    expect(descriptions).not.to.include('older')
  })

  it('is taken with everything switched on, by the definitions of the Prometheus operator, too', async () => {
    for (const crd of monitoringCrds) await cluster.kubectl('apply', '--server-side', '-f', crd)
    await cluster.kubectl('wait', '--for=condition=Established', '--timeout=60s', 'crd', '--all')
    for (const namespace of ['orders', 'clicks']) await cluster.kubectl('create', 'namespace', namespace)
    await writeFile(values, JSON.stringify(everything))
    await writeFile(rendered, await template('--values', values))
    const taken = await cluster.kubectl('apply', '--dry-run=server', '--validate=strict', '-f', rendered)
    for (const name of [
      'podmonitor.monitoring.coreos.com/sluice-operator',
      'podmonitor.monitoring.coreos.com/sluice-workers',
      'prometheusrule.monitoring.coreos.com/sluice',
      'networkpolicy.networking.k8s.io/sluice-operator',
      'networkpolicy.networking.k8s.io/sluice-workers',
      'configmap/sluice-dashboard-fleet',
      'configmap/sluice-dashboard-job',
      'configmap/sluice-dashboard-operator',
      'configmap/sluice-dashboard-table-services',
    ])
      expect(taken).to.include(`${name} created`)
  })

  it('puts labels and annotations of everyone on every object', async () => {
    await writeFile(values, JSON.stringify(everything))
    const bare = objects(await template('--values', values)).filter(
      ({ metadata }) => metadata.labels?.['team'] !== 'data' || metadata.annotations?.['owner'] !== 'lake',
    )
    expect(bare.map(({ kind, metadata }) => `${kind}/${metadata.name}`)).to.deep.equal([])
  })

  it('runs the image of a digest, and gives it to the workers', async () => {
    const made = await template('--set', `image.digest=${digest}`)
    expect(made).to.include(`image: "sluice@${digest}"`).and.to.include(`--worker-image=sluice@${digest}`)
    expect(await template('--set', `image.digest=${digest},image.tag=1.2`)).to.include(
      `image: "sluice:1.2@${digest}"`,
    )
  })

  it('makes alerts with a page, the lag that is too high, and none that is not wanted', async () => {
    await writeFile(values, JSON.stringify(everything))
    const rule = objects(await template('--values', values)).find(({ kind }) => kind === 'PrometheusRule')
    const alerts = (rule?.spec?.groups ?? []).flatMap(({ rules }) => rules)
    const lag = alerts.find(({ alert }) => alert === 'SluiceLagHigh')
    expect(lag?.expr).to.equal('max by (job) (sluice_split_lag_seconds) > 60')
    const leading = alerts.find(({ alert }) => alert === 'SluiceOperatorNotLeading')
    expect(leading?.expr).to.include('max(sluice_operator_leading{namespace="sluice-system"})')
    expect(lag?.labels).to.deep.equal({ severity: 'warning', team: 'data' })
    expect(lag?.annotations['runbook_url']).to.equal('https://wiki.example/sluice/SluiceLagHigh.md')
    expect(lag?.annotations['summary']).to.include('{{ $labels.job }}')
    expect(alerts.map(({ alert }) => alert))
      .to.include('SluiceNoCommits')
      .and.not.to.include('SluiceWorkerBusy')
  })

  it('makes a policy for workers in the namespaces named, or the one that is watched', async () => {
    const namespaces = async (...args: string[]) =>
      objects(await template('--set', 'networkPolicy.enabled=true', ...args))
        .filter(({ kind, metadata }) => kind === 'NetworkPolicy' && metadata.name === 'sluice-workers')
        .map(({ metadata }) => metadata.namespace)
    expect(await namespaces()).to.deep.equal([])
    expect(await namespaces('--set', 'watchNamespace=shop')).to.deep.equal(['shop'])
    expect(await namespaces('--set', 'networkPolicy.workers.namespaces={a,b}')).to.deep.equal(['a', 'b'])
  })

  it('leaves no pod of a job out of that policy', async () => {
    const made = await template('--set', 'networkPolicy.enabled=true,watchNamespace=shop')
    const policy = objects(made).find(({ metadata }) => metadata.name === 'sluice-workers')
    expect(JSON.stringify(policy)).to.include('"values":["worker","teardown","check","probe"]')
  })

  it('tells the operator of the policies of jobs, and lets it make them, only where they are wanted', async () => {
    const made = async (...args: string[]) => {
      const text = await template(...args)
      const told = /- "--job-network-policy=(.*)"$/m.exec(text)?.[1]
      return { told: told && (JSON.parse(`"${told}"`) as string), mayMake: text.includes('networkpolicies') }
    }
    expect(await made()).to.deep.equal({ told: undefined, mayMake: false })
    await writeFile(values, JSON.stringify(everything))
    const { told, mayMake } = await made('--values', values)
    expect(mayMake).to.equal(true)
    const around = readPolicyAround(told)
    expect(around?.egress).to.deep.equal([{ ports: [{ port: 3128 }] }])
    const own = { 'kubernetes.io/metadata.name': 'sluice-system' }
    expect(around?.masters[0]?.namespaceSelector?.matchLabels).to.deep.equal(own)
    expect(around?.readers).to.have.length(2)
  })

  it('tells the operator which PriorityClass the pods of which jobs have', async () => {
    await writeFile(values, JSON.stringify(everything))
    const made = await template('--values', values)
    expect(made)
      .to.include('- --priority-class=core=lake-core\n')
      .and.include('- --priority-class=low=batch\n')
  })

  it('says after the installation what to do next', async () => {
    const notes = async (...args: string[]) => {
      const said = await helm('install', 'lake', chart, '-n', 'data', '--dry-run=client', ...args)
      return said.slice(said.indexOf('NOTES:'))
    }
    expect(await notes())
      .to.include('kubectl get lease -n data lake-sluice-operator')
      .and.include('kubectl apply -f shop-to-lake.yaml')
      .and.include('Nobody is told when a job fails')
      .and.include('helm show crds CHART | kubectl apply --server-side --force-conflicts -f -')
    const watched = await notes('--set', 'monitoring.enabled=true,networkPolicy.enabled=true,replicas=0')
    expect(watched)
      .to.include('set monitoring.rules.runbookUrl')
      .and.include('set networkPolicy.workers.namespaces')
      .and.include('nothing runs')
  })

  it('asks for no right outside the one namespace it is to look after', async () => {
    const bindings = async (...args: string[]) =>
      objects(await template('--set', 'watchNamespace=shop', ...args))
        .filter(({ kind }) => kind.endsWith('RoleBinding'))
        .map(({ kind, metadata }) => [kind, metadata.name, metadata.namespace])
    const ours = [
      ['RoleBinding', 'sluice-operator', 'shop'],
      ['RoleBinding', 'sluice-operator-leader', 'sluice-system'],
    ]
    expect(await bindings('--set', 'master.enabled=false')).to.deep.equal(ours)
    expect(await bindings(), 'but whose token a worker’s is').to.deep.equal([
      ['ClusterRoleBinding', 'sluice-sluice-system-operator-tokens', undefined],
      ...ours,
    ])
  })

  it('can be there twice: for a namespace each, by one name in two namespaces, or by two names in one', async () => {
    const release = async (name: string, namespace: string, watched: string) => {
      const given = [
        '--kube-version',
        '1.34.0',
        '--namespace',
        namespace,
        '--set',
        `watchNamespace=${watched}`,
      ]
      const text = await helm('template', name, chart, ...given)
      const identities = objects(text).map(
        ({ kind, metadata: { name: own, namespace: of = '' } }) => `${kind} ${of}/${own}`,
      )
      return { identities, lease: `${namespace}/${/--lease-name=(\S+)/.exec(text)?.[1]}` }
    }
    const first = await release('sluice', 'team-a', 'a')
    for (const other of [await release('sluice', 'team-b', 'b'), await release('more', 'team-a', 'b')]) {
      expect(other.identities.filter(each => first.identities.includes(each))).to.deep.equal([])
      expect(other.lease).not.to.equal(first.lease)
    }
  })

  it('can be built upon with kustomize, as the guide says, and put into another namespace', async () => {
    expect(objects(await cluster.kubectl('kustomize', join(root, 'manifests')))).to.have.length.above(10)
    const guide = await readFile(join(root, 'docs', 'guides', 'installing.md'), 'utf8')
    const example = /```yaml\n(resources: [^]*?)```/.exec(guide)?.[1]
    const folder = await mkdtemp(join(tmpdir(), 'sluice-kustomize-'))
    await cp(join(root, 'manifests'), join(folder, 'sluice', 'manifests'), { recursive: true })
    const kustomization = example?.replace('"…/sluice/manifests"', 'sluice/manifests')
    await writeFile(join(folder, 'kustomization.yaml'), `namespace: data-platform\n${kustomization}`)
    const built = await cluster.kubectl('kustomize', folder)
    await rm(folder, { recursive: true })
    expect(built).to.include('image: registry.example/sluice:0.1.0\n')
    expect(built).to.include('- --worker-image=registry.example/sluice:0.1.0\n')
    expect(built, 'a namespace that nobody replaced').not.to.include('sluice-system')
  })

  for (const { name, value, message } of wrongValues)
    it(`refuses ${name}`, async () => {
      const said = await template('--set', value).catch((error: { stderr: string }) => error.stderr)
      expect(said).to.include(message)
    })

  const may: [verb: string, resource: string, namespace: string, allowed: boolean][] = [
    ['watch', 'syncjobs.sluice.dev', 'shop', true],
    ['patch', 'syncjobs.sluice.dev/status', 'shop', true],
    ['delete', 'syncjobs.sluice.dev', 'shop', false],
    ['patch', 'deployments.apps', 'shop', true],
    ['get', 'secrets', 'shop', false],
    ['list', 'secrets', 'shop', false],
    ['create', 'pods', 'shop', false],
    ['create', 'pods/exec', 'shop', false],
    ['create', 'rolebindings.rbac.authorization.k8s.io', 'shop', false],
    ['update', 'leases.coordination.k8s.io/sluice-operator', 'sluice-system', true],
    ['update', 'leases.coordination.k8s.io/other', 'sluice-system', false],
    ['create', 'jobs.batch', 'shop', true],
    ['delete', 'serviceaccounts', 'shop', false],
    ['update', 'leases.coordination.k8s.io', 'kube-system', false],
    ['delete', 'nodes', 'shop', false],
  ]
  for (const [verb, resource, namespace, allowed] of may)
    it(`${allowed ? 'lets' : 'does not let'} the operator ${verb} ${resource} in ${namespace}`, async () => {
      const answer = await cluster
        .kubectl('auth', 'can-i', verb, resource, '-n', namespace, `--as=${operator}`)
        .catch((error: { stdout: string }) => error.stdout)
      expect(answer.trim()).to.equal(allowed ? 'yes' : 'no')
    })

  it('lets those who edit a namespace edit jobs there, and those who view it view them', async () => {
    const can = (role: string, verb: string) =>
      cluster
        .kubectl(
          'auth',
          'can-i',
          verb,
          'syncjobs.sluice.dev',
          '-n',
          'shop',
          '--as=someone',
          `--as-group=${role}`,
        )
        .catch((error: { stdout: string }) => error.stdout)
        .then(answer => answer.trim())
    await cluster.kubectl('create', 'namespace', 'shop')
    for (const role of ['edit', 'view'])
      await cluster.kubectl(
        'create',
        'rolebinding',
        role,
        '-n',
        'shop',
        `--clusterrole=${role}`,
        `--group=${role}`,
      )
    // The controller that aggregates roles works in the background.
    for (let attempt = 0; attempt < 50 && (await can('view', 'get')) !== 'yes'; attempt++)
      await new Promise(resolve => setTimeout(resolve, 200))
    expect([
      await can('edit', 'create'),
      await can('view', 'get'),
      await can('view', 'create'),
    ]).to.deep.equal(['yes', 'yes', 'no'])
  })
})

function objects(text: string): KubeObject[] {
  return [...parseAllDocuments(text)].flatMap(document => {
    const content = document.toJS() as KubeObject | null
    return content === null ? [] : [content]
  })
}

function byIdentity(all: KubeObject[]): Record<string, KubeObject> {
  return Object.fromEntries(all.map(each => [`${each.kind}/${each.metadata.name}`, each]))
}

function withoutHelmLabels(object: KubeObject): KubeObject {
  const template = object.spec?.template
  for (const labels of [object.metadata.labels, template?.metadata.labels])
    if (labels !== undefined) {
      delete labels['helm.sh/chart']
      delete labels['app.kubernetes.io/managed-by']
    }
  return object
}
