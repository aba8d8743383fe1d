import { readFileSync } from 'node:fs'

/** Time that the machine below took from a CPU, in clock ticks: other machines run on it too. */
export function stolenTicks(cpu: number | undefined, stat = readFileSync('/proc/stat', 'latin1')): number {
  const line = new RegExp(`^cpu${cpu ?? ''} +(.*)$`, 'm').exec(stat)?.[1] ?? ''
  // user nice system idle iowait irq softirq steal (proc(5)).
  return Number(line.split(' ')[7] ?? 0)
}

/** /proc/stat counts in hundredths of a second on every Linux that Node.js runs on. */
export const TICKS_A_SECOND = 100
