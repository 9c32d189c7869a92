// What a process has cost so far, from the kernel's own books (/proc).
import { readFile } from 'node:fs/promises'

export interface ProcessCost {
  /** User and system time of all its threads, seconds. */
  cpuSeconds: number
  /** Most memory it ever held, MiB. */
  peakRssMib: number
}

const ticksPerSecond = 100

export async function processCost(pid: number): Promise<ProcessCost> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  // The name in parentheses may hold spaces; the fields after it are separated by one.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  const peakKib = Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0)
  return {
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / ticksPerSecond,
    peakRssMib: peakKib / 1024,
  }
}

/** Load averages and what the machine is, for the record. */
export async function machine(): Promise<string> {
  const [cpu, memory, load] = await Promise.all([
    readFile('/proc/cpuinfo', 'utf8'),
    readFile('/proc/meminfo', 'utf8'),
    readFile('/proc/loadavg', 'utf8'),
  ])
  const cores = cpu.match(/^processor/gm)?.length ?? 0
  const model = /model name\s*:\s*(.*)/.exec(cpu)?.[1] ?? 'unknown processor'
  const gib = Math.round(Number(/MemTotal:\s+(\d+)/.exec(memory)?.[1]) / 1048576)
  return `${cores} cores (${model}), ${gib} GiB, load ${load.split(' ').slice(0, 3).join(' ')}, Node ${process.versions.node}`
}
