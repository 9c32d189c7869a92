#!/usr/bin/env node
// `kubectl sluice …` is `sluice kube …`: kubectl runs the program of this name that it finds on the PATH.
process.argv.splice(2, 0, 'kube')
await import('./sluice.mjs')
