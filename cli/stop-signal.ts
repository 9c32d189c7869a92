// How a person or a kubelet asks the process to stop.

/** Aborts at the first SIGTERM or SIGINT: finish what is under way. The second one ends the process at once. */
export function stopSignal(): AbortSignal {
  const stop = new AbortController()
  for (const [name, number] of [
    ['SIGINT', 2],
    ['SIGTERM', 15],
  ] as const)
    process.on(name, () => {
      if (stop.signal.aborted) process.exit(128 + number)
      stop.abort()
    })
  return stop.signal
}

/**
 * For a command that has done all it wants to: what it left behind, because a server does not answer, may still have
 * connections and timers, which would keep the process.
 */
export function leaveSoon(): void {
  setTimeout(() => process.exit(), 500).unref()
}
