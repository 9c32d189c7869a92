#!/usr/bin/env node
// Starts cli/main.ts under a Node that runs TypeScript as it is. A machine's own Node may be older; the project
// brings one of its own for that, and this file, which any Node can read, hands over to it.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const nodeMajorMin = 24
const main = new URL('./main.ts', import.meta.url)
const ownNode = fileURLToPath(new URL('../node_modules/node/bin/node', import.meta.url))

if (Number(process.versions.node.split('.')[0]) >= nodeMajorMin) {
  await import(main.href)
} else if (existsSync(ownNode)) {
  const child = spawn(ownNode, [fileURLToPath(main), ...process.argv.slice(2)], { stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'])
    process.on(signal, () => child.kill(signal))
  child.on('error', error => {
    process.stderr.write(`sluice: cannot start ${ownNode}: ${error.message}\n`)
    process.exitCode = 1
  })
  child.on('exit', (code, signal) => {
    if (signal === null) process.exitCode = code ?? 1
    else {
      process.removeAllListeners(signal)
      process.kill(process.pid, signal)
    }
  })
} else {
  process.stderr.write(
    `sluice: Node ${nodeMajorMin} or newer is needed, this is ${process.versions.node}; run \`npm ci\` here to get one\n`,
  )
  process.exitCode = 1
}
