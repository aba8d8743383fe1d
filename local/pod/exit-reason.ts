import { constants } from 'node:os'

/** Why a container is not running any more, in Kubernetes' words. */
export interface ExitReason {
  readonly reason: 'Completed' | 'Error' | 'OOMKilled'
  /** What the number alone does not say, in a few words. */
  readonly message?: string
}

/** Codes that a shell or setpriv gives for a program that could not be started. Source: POSIX, 2.8.2. */
const NOT_STARTED: Readonly<Record<number, string>> = {
  126: 'the command is no program that can be run',
  127: 'the command was not found',
}

/**
 * Names how a container ended. `outOfMemory`: the kernel has killed for lack of memory while it ran, and the SIGKILL
 * that ended it was not the cluster's own; there is no control group here that would say so of this container alone.
 */
export function exitReason(exitCode: number, outOfMemory: boolean): ExitReason {
  if (exitCode === 0) return { reason: 'Completed' }
  const killed = exitCode === 128 + constants.signals.SIGKILL
  if (killed && outOfMemory) return { reason: 'OOMKilled', message: 'the machine was out of memory' }
  const told = NOT_STARTED[exitCode] ?? signalName(exitCode - 128)
  return { reason: 'Error', ...(told === undefined ? {} : { message: told }) }
}

function signalName(number: number): string | undefined {
  return Object.entries(constants.signals).find(([, own]) => own === number)?.[0]
}

/** How often the kernel of this machine has killed for lack of memory: `oom_kill` of proc(5), /proc/vmstat. */
export function outOfMemoryKills(vmstat: string): number {
  return Number(/^oom_kill (\d+)$/m.exec(vmstat)?.[1] ?? 0)
}
