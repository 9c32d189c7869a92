// How many workers a SyncJob may have, and what the operator decided about it. The decision is kept in the status:
// workers follow it, people read it, and a new operator goes on from it.
import { z } from 'zod'
import { duration, durationAtLeast } from './duration.ts'
import { withRule } from './rules.ts'

export const autoscaling = withRule(
  z.strictObject({
    mode: z
      .enum(['Auto', 'DryRun', 'Manual'])
      .default('Auto')
      .describe(
        'Auto: the operator decides how many workers there are. DryRun: it only tells what it would decide. Manual: it does not. With the latter two the job has `spec.replicas` workers.',
      ),
    minReplicas: z
      .int32()
      .min(0)
      .max(1000)
      .default(1)
      .describe(
        'Worker pods the job has at least. They share its splits: partitions, ranges of a snapshot. 0: while the job is idle it has none, and the operator looks now and then whether there is something to read.',
      ),
    maxReplicas: z
      .int32()
      .min(1)
      .max(1000)
      .default(1)
      .describe(
        'Worker pods the job has at most. Where it is more than `minReplicas` the job is autoscaled.',
      ),
    maxLag: durationAtLeast('1s')
      .default('60s')
      .describe(
        'Age of the oldest change not yet in the target that is still fine. An autoscaled job gets as many workers as it takes to stay below.',
      ),
    idleAfter: durationAtLeast('1m')
      .default('5m')
      .describe(
        'With `minReplicas: 0`: how long nothing must have come in, and all must be in the target, before the last worker goes.',
      ),
    probeInterval: durationAtLeast('15s')
      .default('2m')
      .describe(
        'With `minReplicas: 0`: how often the operator looks whether there is something to read while the job has no worker. What comes in then waits about that long, and for a worker to start.',
      ),
  }),
  {
    rule: 'self.minReplicas <= self.maxReplicas',
    message: 'minReplicas cannot be more than maxReplicas',
    test: ({ minReplicas, maxReplicas }) => minReplicas <= maxReplicas,
  },
)
  .prefault({})
  .describe('How many worker pods the job may have.')

const count = (description: string) => z.int().min(0).optional().describe(description)

export const scalingStatus = z
  .strictObject({
    desiredReplicas: z.int32().min(0).describe('Worker pods the job should have, as the operator decided.'),
    reason: z.string().describe('Why, in one word.'),
    message: z.string().describe('Why, in words and numbers.'),
    lastScaleTime: z.iso.datetime().optional().describe('When the operator last decided for another number.'),
    asleep: z
      .strictObject({
        since: z.iso.datetime().describe('When the operator took the last worker away.'),
        spec: z
          .string()
          .describe('A hash of what the job was then. With another one it gets a worker again.'),
      })
      .optional()
      .describe('Given while the job is idle and has no worker.'),
    sourceUnseen: z
      .strictObject({
        until: z.iso.datetime().describe('Until then the job keeps a worker, idle or not.'),
        message: z.string().describe('Why nobody could tell whether there was something to read.'),
      })
      .optional()
      .describe('Given while an idle job has a worker because its source could not be looked at.'),
    inputPerSecond: count('Records a second that arrive at the source.'),
    forecastPerSecond: count('As many as are expected when another number of workers would be in effect.'),
    capacityPerLane: count('Records a second that a lane can be counted on to read.'),
    neededLanes: count('Lanes, over all workers, that the forecast and the backlog need.'),
    lagRecords: count('Records that are not yet in the target.'),
    predictedLag: duration
      .optional()
      .describe('The lag when another number of workers would be in effect, were nothing done.'),
    learned: z
      .strictObject({
        capacityPerLane: z.int().min(0).describe('Records a second that a busy lane reads.'),
        spreadPercent: z.int().min(0).describe('How much lanes differ in that.'),
        startUp: duration.describe('How long workers took to start.'),
        patiencePercent: z
          .int()
          .min(100)
          .describe('How much longer than by its cost a smaller number has to be enough before it is taken.'),
        patienceTime: z.iso.datetime().optional().describe('When that was last raised.'),
        lastShrinkTime: z.iso
          .datetime()
          .optional()
          .describe('When a smaller number was last taken, and has not turned out to be too small since.'),
      })
      .optional()
      .describe('What the operator learned about the job, for the one that leads next.'),
  })
  .optional()
  .describe('The last decision about the number of workers, of an autoscaled job.')

export type ScalingStatus = NonNullable<z.infer<typeof scalingStatus>>
