// Resources that the tests of the operator start from.
import type { KubeObject } from '#operator/kube/object.ts'
import type { Json } from '../fake-api-store.ts'

const apiVersion = 'sluice.dev/v1alpha1'

export const collections = {
  syncJobs: `/apis/${apiVersion}/syncjobs`,
  dataSources: `/apis/${apiVersion}/datasources`,
  virtualTables: `/apis/${apiVersion}/virtualtables`,
  deployments: '/apis/apps/v1/deployments',
  pods: '/api/v1/pods',
  configMaps: '/api/v1/configmaps',
  serviceAccounts: '/api/v1/serviceaccounts',
  jobs: '/apis/batch/v1/jobs',
  disruptionBudgets: '/apis/policy/v1/poddisruptionbudgets',
  networkPolicies: '/apis/networking.k8s.io/v1/networkpolicies',
  events: '/apis/events.k8s.io/v1/events',
}

const secret = (name: string, key: string): Json => ({ secretKeyRef: { name, key } })

export function shopDb(changes: Json = {}): KubeObject & { spec: Json } {
  return {
    apiVersion,
    kind: 'DataSource',
    metadata: { name: 'shop-db', namespace: 'shop' },
    spec: {
      type: 'postgres',
      postgres: {
        host: 'shop-db.shop.svc',
        database: 'shop',
        user: secret('shop-db', 'user'),
        password: secret('shop-db', 'password'),
        ...changes,
      },
    },
  }
}

export function lake(): KubeObject & { spec: Json } {
  return {
    apiVersion,
    kind: 'DataSource',
    metadata: { name: 'lake', namespace: 'shop' },
    spec: {
      type: 'hudi',
      hudi: {
        url: 's3://lake/ods',
        s3: {
          endpoint: 'http://minio.lake.svc:9000',
          accessKeyId: secret('lake', 'id'),
          secretAccessKey: secret('lake', 'secret'),
        },
      },
    },
  }
}

export function shopToLake(changes: Json = {}): KubeObject & { spec: Json } {
  return {
    apiVersion,
    kind: 'SyncJob',
    metadata: { name: 'shop-to-lake', namespace: 'shop' },
    spec: {
      source: { name: 'shop-db' },
      target: { name: 'lake' },
      tables: [{ include: 'public.*' }],
      ...changes,
    },
  }
}
