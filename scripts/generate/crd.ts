// A kind as a CustomResourceDefinition: the same schema that parses the YAML, so what the API server lets in is
// what the operator understands.
import { openApiSchema } from '#api/openapi.ts'
import { apiGroup, apiVersionName, type ResourceKind } from '#api/resource.ts'

export function customResourceDefinition(kind: ResourceKind): object {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${kind.plural}.${apiGroup}` },
    spec: {
      group: apiGroup,
      scope: 'Namespaced',
      names: {
        kind: kind.kind,
        listKind: `${kind.kind}List`,
        plural: kind.plural,
        singular: kind.singular,
        shortNames: kind.shortNames,
        categories: ['sluice'],
      },
      versions: [version(kind)],
    },
  }
}

function version(kind: ResourceKind): object {
  const { scale } = kind
  return {
    name: apiVersionName,
    served: true,
    storage: true,
    additionalPrinterColumns: kind.columns.map(({ priority, ...column }) =>
      priority === 1 ? { ...column, priority } : column,
    ),
    subresources: { status: {}, ...(scale === undefined ? {} : { scale }) },
    schema: {
      openAPIV3Schema: {
        description: kind.description,
        type: 'object',
        required: ['spec'],
        properties: {
          apiVersion: {
            type: 'string',
            description: 'Version of the schema of this object.',
          },
          kind: { type: 'string', description: 'Kind of this object.' },
          metadata: { type: 'object' },
          spec: { ...openApiSchema(kind.spec), description: 'What is wanted.' },
          status: {
            ...openApiSchema(kind.status),
            description: 'What was observed; written by the operator.',
          },
        },
      },
    },
  }
}
