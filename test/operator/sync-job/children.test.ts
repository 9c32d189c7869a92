import { expect } from 'chai'
import { buildProbeJob } from '#operator/autoscale/probe-job.ts'
import { buildCheckJob } from '#operator/sync-job/check-job.ts'
import { buildChildren } from '#operator/sync-job/children.ts'
import type { Children } from '#operator/sync-job/children.ts'
import { buildTeardownJob } from '#operator/sync-job/teardown-job.ts'
import { referencedSecrets } from '#operator/sync-job/worker-pod.ts'
import { planSchema } from '#api/plan.ts'
import type { Json } from '../fake-api-store.ts'
import { compiled, worker } from './built.ts'

function children(changes: Json = {}, replicas = 1): Children {
  const { job, plan } = compiled(changes)
  return buildChildren(job, plan, worker, replicas)
}

describe('buildChildren', () => {
  it('names everything after the job and hangs it on the job', () => {
    const { plan, serviceAccount, deployment, disruptionBudget } = children()
    expect(plan.metadata.name).to.match(/^shop-to-lake-plan-[0-9a-f]{10}$/)
    for (const child of [serviceAccount, deployment, disruptionBudget])
      expect(child.metadata.name).to.equal('shop-to-lake-worker')
    for (const child of [plan, serviceAccount, deployment, disruptionBudget]) {
      expect(child.metadata.namespace).to.equal('shop')
      expect(child.metadata.labels?.['app.kubernetes.io/managed-by']).to.equal('sluice-operator')
      expect(child.metadata.ownerReferences).to.deep.equal([
        {
          apiVersion: 'sluice.dev/v1alpha1',
          kind: 'SyncJob',
          name: 'shop-to-lake',
          uid: 'uid-1',
          controller: true,
          blockOwnerDeletion: true,
        },
      ])
    }
  })

  it('places its pods as the job says, and as the operator was told for all jobs', () => {
    const mine = {
      nodeSelector: { pool: 'data', zone: 'b' },
      tolerations: [{ key: 'data', operator: 'Exists' }],
      serviceAccountAnnotations: { role: 'shop' },
    }
    const placement = {
      nodeSelector: { zone: 'a', arch: 'arm64' },
      tolerations: [{ key: 'all', effect: 'NoSchedule' as const }],
      serviceAccountAnnotations: { role: 'all', team: 'lake' },
    }
    const { job, plan } = compiled({ worker: mine })
    const around = { ...worker, placement }
    const { deployment, serviceAccount, plan: planMap } = buildChildren(job, plan, around, 1)
    const check = buildCheckJob(job, plan, { worker: around, planMapName: planMap.metadata.name })
    for (const { template } of [deployment.spec, check.spec!]) {
      expect(template.spec?.nodeSelector).to.deep.equal({ pool: 'data', zone: 'b', arch: 'arm64' })
      expect(template.spec?.tolerations).to.deep.equal([...placement.tolerations, ...mine.tolerations])
    }
    expect(serviceAccount.metadata.annotations).to.deep.equal({ role: 'shop', team: 'lake' })
    const teardown = buildTeardownJob(job, plan, around, 60)
    expect(teardown.spec?.template.spec?.nodeSelector).to.deep.equal(placement.nodeSelector)
    expect(planMap).to.deep.equal(children().plan)
  })

  it('says nothing of places where nobody said anything', () => {
    const { deployment, serviceAccount } = children()
    expect(deployment.spec.template.spec).not.to.have.any.keys('nodeSelector', 'tolerations')
    expect(serviceAccount.metadata).not.to.have.property('annotations')
  })

  it('pulls the image with the Secrets that are given, or without any', () => {
    const { job, plan } = compiled()
    const { deployment } = buildChildren(job, plan, { ...worker, imagePullSecrets: ['registry'] }, 1)
    expect(deployment.spec.template.spec?.imagePullSecrets).to.deep.equal([{ name: 'registry' }])
    expect(children().deployment.spec.template.spec).not.to.have.property('imagePullSecrets')
  })

  it('gives all pods of a job the PriorityClass of its priority, and those of other priorities none', () => {
    const image = { ...worker, priorityClasses: { core: 'lake-core', low: 'lake-low' } }
    const classes = (priority: string) => {
      const { job, plan } = compiled({ priority })
      const visit = { worker: image, planMapName: 'x' }
      return [
        buildChildren(job, plan, image, 1).deployment,
        buildCheckJob(job, plan, visit),
        buildProbeJob([{ job, plan }], image, 0),
        buildTeardownJob(job, plan, image, 60),
      ].map(({ spec }) => spec.template.spec?.priorityClassName)
    }
    expect(new Set(classes('core'))).to.deep.equal(new Set(['lake-core']))
    expect(new Set(classes('low'))).to.deep.equal(new Set(['lake-low']))
    expect(new Set(classes('normal'))).to.deep.equal(new Set([undefined]))
  })

  it('tells workers that others share their job, and replaces such by ones that come first', () => {
    const { spec } = children({ autoscaling: { maxReplicas: 3 } }).deployment
    expect(spec.template.spec?.containers[0]?.args).to.include('--shared')
    expect(spec.strategy?.rollingUpdate).to.deep.equal({ maxSurge: 1, maxUnavailable: 0 })
    const alone = children().deployment.spec
    expect(alone.template.spec?.containers[0]?.args).to.not.include('--shared')
    expect(alone.strategy?.rollingUpdate).to.deep.equal({ maxSurge: 0, maxUnavailable: 1 })
  })

  it('writes a plan that a worker can read, under a name that follows from its content', () => {
    const { plan } = children()
    expect(planSchema.parse(JSON.parse(plan.data?.['plan.json'] ?? '')).source.name).to.equal('shop-db')
    expect(plan.immutable).to.equal(true)
    expect(children().plan.metadata.name).to.equal(plan.metadata.name)
    expect(children({ freshness: '7s' }).plan.metadata.name).to.not.equal(plan.metadata.name)
  })

  it('keeps the standards of restricted pods', () => {
    const { spec } = children().deployment.spec.template
    expect(spec?.automountServiceAccountToken).to.equal(false)
    expect(spec?.securityContext).to.deep.include({
      runAsNonRoot: true,
      seccompProfile: { type: 'RuntimeDefault' },
    })
    for (const { securityContext } of spec?.containers ?? [])
      expect(securityContext).to.deep.equal({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      })
  })

  it('tells the worker where the master is, with a token for it alone', () => {
    const { job, plan } = compiled()
    const told = buildChildren(job, plan, { ...worker, masterUrl: 'http://master:9465' }, 1)
    const { spec } = told.deployment.spec.template
    const { args, volumeMounts } = spec!.containers[0]!
    expect(args?.slice(-4)).to.deep.equal([
      '--master',
      'http://master:9465',
      '--master-token',
      '/var/run/secrets/sluice.dev/master/token',
    ])
    expect(volumeMounts?.at(-1)).to.deep.include({ mountPath: '/var/run/secrets/sluice.dev/master' })
    expect(spec?.volumes?.at(-1)?.projected?.sources).to.deep.equal([
      { serviceAccountToken: { audience: 'sluice-operator', expirationSeconds: 3600, path: 'token' } },
    ])
    expect(JSON.stringify(children().deployment)).not.to.include('--master')
  })

  it('mounts the keys of Secrets that the plan refers to, and no others', () => {
    const { spec } = children().deployment.spec.template
    const secrets = spec?.volumes?.filter(({ secret }) => secret).map(({ secret }) => secret)
    expect(secrets).to.deep.equal([
      {
        secretName: 'lake',
        optional: true,
        defaultMode: 0o440,
        items: [
          { key: 'id', path: 'id' },
          { key: 'secret', path: 'secret' },
        ],
      },
      {
        secretName: 'shop-db',
        optional: true,
        defaultMode: 0o440,
        items: [
          { key: 'password', path: 'password' },
          { key: 'user', path: 'user' },
        ],
      },
    ])
    expect(spec?.containers[0]?.volumeMounts).to.deep.include({
      name: 'secret-1',
      mountPath: '/etc/sluice/secrets/shop-db',
      readOnly: true,
    })
  })

  it('gives the worker the arguments, probes and resources it needs', () => {
    const resources = { requests: { cpu: 2, memory: '1Gi' }, limits: { memory: '2Gi' } }
    const [container] = children({ worker: { resources } }).deployment.spec.template.spec?.containers ?? []
    expect(container?.args).to.deep.equal([
      'worker',
      '--plan',
      '/etc/sluice/plan/plan.json',
      '--secrets',
      '/etc/sluice/secrets',
    ])
    expect(container?.resources).to.deep.equal({
      requests: { cpu: '2', memory: '1Gi' },
      limits: { memory: '2Gi' },
    })
    expect(container?.livenessProbe?.httpGet).to.deep.equal({ path: '/healthz', port: 'http' })
    expect(container?.readinessProbe?.httpGet).to.deep.equal({ path: '/readyz', port: 'http' })
  })

  it('does not end a worker that only answers late, as one without CPU does', () => {
    const [container] = children().deployment.spec.template.spec?.containers ?? []
    const { periodSeconds, timeoutSeconds, failureThreshold } = container!.livenessProbe!
    expect(timeoutSeconds).to.equal(10)
    expect(periodSeconds! * failureThreshold!).to.be.at.least(60)
    expect(container?.readinessProbe?.timeoutSeconds).to.equal(5)
  })

  it('never has two workers at a time in a rollout', () => {
    expect(children().deployment.spec.strategy?.rollingUpdate).to.deep.equal({
      maxSurge: 0,
      maxUnavailable: 1,
    })
  })

  it('makes other pods of the same plan when spec.restart changes', () => {
    const [first, second] = [children({ restart: 'one' }), children({ restart: 'two' })]
    expect(first.deployment.spec.template).to.not.deep.equal(second.deployment.spec.template)
    expect(first.plan).to.deep.equal(second.plan)
    expect(children().deployment.spec.template.metadata?.annotations).to.have.keys([
      'kubectl.kubernetes.io/default-container',
    ])
  })

  it('keeps labels and names within their limits, and those of two long names apart', () => {
    const named = (name: string): Children => {
      const { job, plan } = compiled()
      job.metadata.name = name
      return buildChildren(job, plan, worker, 1)
    }
    const [a, b] = [named(`${'x'.repeat(250)}a`), named(`${'x'.repeat(250)}b`)]
    expect(a.deployment.metadata.name).to.not.equal(b.deployment.metadata.name)
    expect(a.deployment.spec.selector).to.not.deep.equal(b.deployment.spec.selector)
    for (const { deployment, plan } of [a, b]) {
      for (const label of Object.values(deployment.metadata.labels ?? {}))
        expect(label.length).to.be.at.most(63)
      expect(deployment.metadata.name.length).to.be.at.most(63)
      expect(plan.metadata.name.length).to.be.at.most(253)
    }
  })
})

describe('buildTeardownJob', () => {
  it('stands on its own: the plan in an annotation, no owner, an end by itself', () => {
    const { job, plan } = compiled()
    const teardown = buildTeardownJob(job, plan, worker, 41.2)
    expect(teardown.metadata.ownerReferences).to.equal(undefined)
    expect(teardown.spec.activeDeadlineSeconds).to.equal(42)
    expect(teardown.spec.ttlSecondsAfterFinished).to.equal(300)
    const { metadata, spec } = teardown.spec.template
    const annotated = planSchema.parse(JSON.parse(metadata?.annotations?.['sluice.dev/plan'] ?? ''))
    expect(annotated.source).to.deep.equal(plan.source)
    expect(spec?.volumes?.[0]?.downwardAPI?.items?.[0]?.fieldRef?.fieldPath).to.equal(
      "metadata.annotations['sluice.dev/plan']",
    )
    expect(spec?.containers[0]?.args?.[0]).to.equal('teardown')
    expect(spec?.restartPolicy).to.equal('Never')
  })

  it('says what its pod uses, so that a quota lets it clean up', () => {
    const { job, plan } = compiled()
    const { spec } = buildTeardownJob(job, plan, worker, 60).spec.template
    expect(spec?.containers[0]?.resources).to.have.all.keys('requests', 'limits')
  })
})

describe('referencedSecrets', () => {
  it('finds references at any depth, each once', () => {
    const reference = { secretKeyRef: { name: 'a', key: 'k' } }
    const spec = {
      user: reference,
      tls: { ca: { secretKeyRef: { name: 'b', key: 'ca.crt' } } },
      list: [reference],
    }
    expect(referencedSecrets([{ name: 'x', type: 'postgres', spec }])).to.deep.equal([
      { name: 'a', key: 'k' },
      { name: 'b', key: 'ca.crt' },
    ])
  })
})
