// Kubernetes Secrets as they stand in YAML files. In a cluster the API server keeps them; in local mode the files
// are all there is.
import { z } from 'zod'
import { objectMeta } from '#api/resource.ts'

const base64 = z
  .string()
  .regex(
    /^([A-Za-z0-9+/\s]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?\s*$/,
    'use base64, or stringData for plain text',
  )

export const secretSchema = z.strictObject({
  apiVersion: z.literal('v1'),
  kind: z.literal('Secret'),
  metadata: objectMeta,
  type: z.string().optional(),
  immutable: z.boolean().optional(),
  data: z.record(z.string(), base64).optional(),
  stringData: z.record(z.string(), z.string()).optional(),
})

export type Secret = z.infer<typeof secretSchema>

/** The values by key; stringData wins over data, as at the API server. */
export function secretValues(secret: Secret): Record<string, string> {
  const decoded = Object.entries(secret.data ?? {}).map(([key, text]) => [
    key,
    Buffer.from(text, 'base64').toString('utf8'),
  ])
  return { ...Object.fromEntries(decoded), ...secret.stringData }
}
