import { describeError, WeftError } from '../core/errors.ts'
import { WORKLOAD_LIMITS, type LimitName } from '../core/workload-limits.ts'
import { limitsFrom } from './translate/workload-limits.ts'
import type { WorkloadLimits } from './model/workload-limits.ts'

/** The flags of `weft control-plane` for them, named as the annotations that say otherwise for a pod. */
export const KEEP_ALIVE_FLAGS = [
  'ping-interval',
  'ping-timeout',
  'tcp-keepalive-time',
  'tcp-keepalive-interval',
  'tcp-keepalive-probes',
] as const satisfies readonly LimitName[]

export type KeepAliveFlags = { readonly [name in (typeof KEEP_ALIVE_FLAGS)[number]]?: string | undefined }

/** When sidecars ask a silent peer where their pod says nothing. Throws a WeftError that names the flag. */
export function readKeepAlive(flags: KeepAliveFlags): WorkloadLimits {
  return limitsFrom((name) => {
    const flag = KEEP_ALIVE_FLAGS.find((one) => one === name)
    const said = flag && flags[flag]
    if (said === undefined) return undefined
    try {
      return WORKLOAD_LIMITS[name].parse(said)
    } catch (error) {
      throw new WeftError('cli.flags', `"${said}" ${describeError(error)}`, { field: `--${name}` })
    }
  })
}
