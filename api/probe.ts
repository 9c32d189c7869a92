// How `sluice probe` ends, for the operator who reads it off the pod.

export const probeExitCodes = { nothing: 0, unread: 10 } as const
