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
