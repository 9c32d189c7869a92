// The sizes a job may have, smallest first. Lanes come before replicas: a lane more in a pod that runs is there in seconds
// and costs nothing, a pod has to be placed and started.
import type { Limits, Size } from './model.ts'

/** Never empty, and never with no replica. More lanes than splits read no faster, so there are none such above the minimum. */
export function sizesOf({ minReplicas, maxReplicas, lanesMin, lanesMax }: Limits, splits: number): Size[] {
  const least = Math.max(1, minReplicas)
  const most = Math.max(least, maxReplicas)
  const sizes: Size[] = []
  for (let lanes = Math.max(1, lanesMin); lanes <= Math.max(1, lanesMax); lanes++)
    sizes.push({ replicas: least, lanes })
  for (let replicas = least + 1; replicas <= most; replicas++)
    sizes.push({ replicas, lanes: Math.max(1, lanesMax) })
  const enough = sizes.findIndex(({ replicas, lanes }) => replicas * lanes >= splits)
  return enough < 0 ? sizes : sizes.slice(0, enough + 1)
}

/** The size itself where it is within the limits, else the nearest that is: with no replica only where the job may idle. */
export function within(
  { minReplicas, maxReplicas, lanesMin, lanesMax, idleAfterMs }: Limits,
  { replicas, lanes }: Size,
): Size {
  const least = idleAfterMs === null ? Math.max(1, minReplicas) : minReplicas
  return {
    replicas: Math.min(Math.max(replicas, least), Math.max(least, maxReplicas)),
    lanes: Math.min(Math.max(lanes, lanesMin, 1), Math.max(1, lanesMax)),
  }
}
