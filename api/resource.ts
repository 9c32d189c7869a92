// What all our resources share: group and version, metadata, conditions, and the description of a kind from
// which its CRD, its reference page and its parser are made.
import { z } from 'zod'
import { listMap } from './rules.ts'

export const apiGroup = 'sluice.dev'
export const apiVersionName = 'v1alpha1'
export const apiVersion: string = `${apiGroup}/${apiVersionName}`

/** An RFC 1123 subdomain, as Kubernetes wants the names of resources. */
export const resourceName: z.ZodString = z
  .string()
  .min(1)
  .max(253)
  .regex(
    /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/,
    'use lower-case letters, digits, `-` and `.`, beginning and ending with a letter or digit',
  )

export const objectMeta = z.looseObject({
  name: resourceName,
  namespace: resourceName.max(63).default('default'),
  labels: z.record(z.string(), z.string()).optional(),
  annotations: z.record(z.string(), z.string()).optional(),
  uid: z.string().optional(),
  resourceVersion: z.string().optional(),
  generation: z.int().optional(),
  deletionTimestamp: z.string().optional(),
  finalizers: z.array(z.string()).optional(),
})

/** metav1.Condition. */
export const condition = z.strictObject({
  type: z
    .string()
    .max(316)
    .regex(/^[A-Za-z][A-Za-z0-9]*$/)
    .describe('What the condition is about, in CamelCase.'),
  status: z.enum(['True', 'False', 'Unknown']).describe('Whether it holds.'),
  observedGeneration: z.int().min(0).optional().describe('The metadata.generation it was observed for.'),
  lastTransitionTime: z.iso.datetime().describe('When the status last changed.'),
  reason: z
    .string()
    .min(1)
    .max(1024)
    .regex(/^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/)
    .describe('One word a program can act on; error codes are listed in the error reference.'),
  message: z.string().max(32768).describe('What happened and what to do, for people.'),
})

export const conditions = listMap(z.array(condition), ['type'])
  .optional()
  .describe('What was observed of the resource, by type.')

export const observedGeneration = z
  .int()
  .min(0)
  .optional()
  .describe('The metadata.generation that the rest of the status was observed for.')

export type ObjectMeta = z.infer<typeof objectMeta>
export type Condition = z.infer<typeof condition>

export interface Resource<Spec = unknown, Status = unknown> {
  apiVersion: string
  kind: string
  metadata: ObjectMeta
  spec: Spec
  status?: Status | undefined
}

/** A column of `kubectl get`. */
export interface PrinterColumn {
  name: string
  type: 'string' | 'integer' | 'date'
  jsonPath: string
  description: string
  /** 1: only with `-o wide`. */
  priority?: 0 | 1
}

export interface ResourceKind<Spec = unknown, Status = unknown> {
  kind: string
  plural: string
  singular: string
  shortNames: readonly string[]
  description: string
  spec: z.ZodType<Spec>
  status: z.ZodType<Status>
  columns: readonly PrinterColumn[]
  /** JSON paths for `kubectl scale` and horizontal autoscalers. */
  scale?: { specReplicasPath: string; statusReplicasPath: string; labelSelectorPath: string }
}

/** The whole object, as it stands in a YAML file. */
export function resourceSchema<Spec, Status>(
  kind: ResourceKind<Spec, Status>,
): z.ZodType<Resource<Spec, Status>> {
  return z.strictObject({
    apiVersion: z.literal(apiVersion),
    kind: z.literal(kind.kind),
    metadata: objectMeta,
    spec: kind.spec,
    // Whatever another version wrote there can be observed anew; it must not stop anybody from reading the spec.
    status: kind.status.optional().catch(undefined),
  })
}

const ofReady = (field: string) => `.status.conditions[?(@.type=="Ready")].${field}`

export const readyColumn: PrinterColumn = {
  name: 'Ready',
  type: 'string',
  jsonPath: ofReady('status'),
  description: 'Whether it does what it should.',
}

export const reasonColumn: PrinterColumn = {
  name: 'Reason',
  type: 'string',
  jsonPath: ofReady('reason'),
  description: 'Why it is ready or not.',
}

export const ageColumn: PrinterColumn = {
  name: 'Age',
  type: 'date',
  jsonPath: '.metadata.creationTimestamp',
  description: 'Time since it was made.',
}
