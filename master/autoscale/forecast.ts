// The input of the whole job some time ahead: its level now, and its rise where that stands out from the noise and is no
// step. Each rise is carried as far ahead as it has been seen: that of the last minute for a minute, that of five for more.
const memoryMs = 300_000
const levelMs = 40_000
const lastingMs = 120_000
/** A sample is a mean of half a minute, so a step looks like a rise for some samples: never for so long. */
const risingMs = 60_000
/** Below this part of what came in the last moments, the input has fallen. */
const fallenShare = 0.8
/** Above this part of it a rise is so steep that the mean lies behind. */
const risenShare = 1.25
/** Samples that are needed to tell a trend from noise. */
const trendSamplesMin = 6
/** Times its own error that a slope has to be. */
const trendSignificance = 3

export interface InputSample {
  atMs: number
  perSecond: number
}

export interface Forecast {
  levelPerSecond: number
  /** Records/s more in every second of the next minute; 0 where no rise is sure. */
  slope: number
  /** After that minute; no steeper. */
  lastingSlope: number
}

/** The samples to keep, the new one included. */
export function remember(samples: readonly InputSample[], sample: InputSample): InputSample[] {
  const kept = samples.filter(({ atMs }) => atMs < sample.atMs && atMs > sample.atMs - memoryMs)
  return [...kept, sample]
}

/** Mean of the last minutes: what came at once a moment ago does not make it much more. @param samples not empty */
export function lastingInput(samples: readonly InputSample[]): number {
  const last = samples.at(-1)!
  const recent = samples.filter(({ atMs }) => atMs > last.atMs - lastingMs)
  return recent.reduce((sum, { perSecond }) => sum + perSecond, 0) / recent.length
}

/** @param samples not empty, oldest first */
export function forecastOf(samples: readonly InputSample[]): Forecast {
  const last = samples.at(-1)!
  const recent = samples.filter(({ atMs }) => atMs > last.atMs - levelMs)
  const mean = recent.reduce((sum, { perSecond }) => sum + perSecond, 0) / recent.length
  // A sample is a mean of half a minute itself: so much less is no noise.
  const level = last.perSecond < fallenShare * mean ? last.perSecond : mean
  const { slope, error } = fitOf(samples)
  const rise = leastRise(samples)
  if (samples.length < trendSamplesMin || slope <= trendSignificance * error)
    return { levelPerSecond: level, slope: 0, lastingSlope: 0 }
  return {
    levelPerSecond: last.perSecond > risenShare * mean ? last.perSecond : level,
    slope: rise,
    lastingSlope: Math.min(rise, slope),
  }
}

/** The least from sample to sample in the last minute. */
function leastRise(samples: readonly InputSample[]): number {
  const last = samples.at(-1)!
  const from = samples.findLastIndex(({ atMs }) => atMs <= last.atMs - risingMs)
  if (from < 0) return 0
  const rises = samples.slice(from + 1).map(({ atMs, perSecond }, at) => {
    const before = samples[from + at]!
    return ((perSecond - before.perSecond) * 1000) / (atMs - before.atMs)
  })
  return Math.max(0, Math.min(...rises))
}

/** Never below what comes in now: that it falls is believed when it has. */
export function inputAt({ levelPerSecond, slope, lastingSlope }: Forecast, aheadMs: number): number {
  const nearMs = Math.min(aheadMs, risingMs)
  return levelPerSecond + (slope * nearMs + lastingSlope * (aheadMs - nearMs)) / 1000
}

/** Least squares, in records/s per second, and the standard error of it. */
function fitOf(samples: readonly InputSample[]): { slope: number; error: number } {
  const count = samples.length
  const meanAt = samples.reduce((sum, { atMs }) => sum + atMs, 0) / count
  const mean = samples.reduce((sum, { perSecond }) => sum + perSecond, 0) / count
  let spanned = 0
  let together = 0
  for (const { atMs, perSecond } of samples) {
    spanned += ((atMs - meanAt) / 1000) ** 2
    together += ((atMs - meanAt) / 1000) * (perSecond - mean)
  }
  const slope = together / spanned
  const residual = samples.reduce(
    (sum, { atMs, perSecond }) => sum + (perSecond - mean - (slope * (atMs - meanAt)) / 1000) ** 2,
    0,
  )
  return { slope, error: Math.sqrt(residual / (count - 2) / spanned) }
}
