// Where worker pods may run, and what their ServiceAccount is told of: in the words of Kubernetes, so that what is known of
// pods holds for ours. A SyncJob says it for its own pods; the operator may be told of more for all jobs.
import { z } from 'zod'

const toleration = z.strictObject({
  key: z
    .string()
    .min(1)
    .max(316)
    .optional()
    .describe('Of the taint. Default: any; `operator` is Exists then.'),
  operator: z
    .enum(['Exists', 'Equal'])
    .optional()
    .describe('Equal: the taint has this value. Exists: whatever its value. Default: Equal.'),
  value: z.string().max(63).optional().describe('Of the taint.'),
  effect: z
    .enum(['NoSchedule', 'PreferNoSchedule', 'NoExecute'])
    .optional()
    .describe('Of the taint. Default: any.'),
  tolerationSeconds: z
    .int32()
    .min(0)
    .optional()
    .describe('How long a pod stays on a node that got a taint of effect NoExecute. Default: for good.'),
})

export const workerPlacement = {
  nodeSelector: z
    .record(z.string().min(1), z.string().max(63))
    .optional()
    .describe('Labels that a node must have to run pods of the job.'),
  tolerations: z
    .array(toleration)
    .max(64)
    .optional()
    .describe('Taints of nodes that pods of the job put up with, as in a pod.'),
  serviceAccountAnnotations: z
    .record(z.string().min(1), z.string().max(4096))
    .optional()
    .describe(
      'Annotations of the ServiceAccount of the workers: what a cloud goes by to give them a role for the object storage, instead of keys.',
    ),
}

export type Toleration = z.infer<typeof toleration>

export interface WorkerPlacement {
  nodeSelector?: Record<string, string> | undefined
  tolerations?: readonly Toleration[] | undefined
  serviceAccountAnnotations?: Record<string, string> | undefined
}
