import type { X509Certificate } from 'node:crypto'
import { describeError } from '../core/errors.ts'
import { caLimits, nameProblem, type CaLimits } from './ca-limits.ts'
import { Oid } from './oids.ts'
import { oneLineName } from './printable.ts'

export interface BelowCa {
  /** Of workloads that will get a certificate; undefined where there will be none. */
  readonly trustDomain: string | undefined
  /** Of servers that will get a certificate. */
  readonly dnsNames: readonly string[]
  /** Milliseconds. */
  readonly now: number
}

/**
 * Why a peer would trust no certificate below this CA, with the last part of an error's code; undefined if it would.
 * `between`: how many CAs stand between it and the leaf.
 */
export function caProblem(
  ca: X509Certificate,
  between: number,
  { now, trustDomain, dnsNames }: BelowCa,
): { readonly code: string; readonly message: string } | undefined {
  const name = `certificate "${oneLineName(ca.subject)}"`
  const problem = (code: string, message: string) => ({ code, message: `${name} ${message}` })
  if (now >= ca.validToDate.getTime())
    return problem('expired', `expired at ${ca.validToDate.toISOString()}: renew it`)
  if (now < ca.validFromDate.getTime())
    return problem(
      'not_yet_valid',
      `is valid only from ${ca.validFromDate.toISOString()}: compare the clocks`,
    )
  let limits: CaLimits
  try {
    // The platform reads more than strict DER.
    limits = caLimits(ca)
  } catch (error) {
    return { code: 'malformed', message: `${name}: ${describeError(error)}` }
  }
  if (limits.certSign === false)
    return problem('key_usage', 'may not sign certificates (its key usage lacks "cert sign")')
  if (!ca.ca) return problem('not_a_ca', 'is no CA')
  const uses = limits.extKeyUsage
  if (uses.length > 0 && !(uses.includes(Oid.serverAuth) && uses.includes(Oid.clientAuth)))
    return problem(
      'key_usage',
      'allows only some uses below it: it needs both "server auth" and "client auth", or no such list',
    )
  if (limits.pathLength !== undefined && limits.pathLength < between)
    return problem(
      'path_length',
      `allows ${limits.pathLength} CAs below it and has ${between}: raise its path length or leave CAs out`,
    )
  const forbidden =
    (trustDomain === undefined ? undefined : nameProblem(limits, 'uri', trustDomain)) ??
    dnsNames.map((dns) => nameProblem(limits, 'dns', dns)).find((one) => one !== undefined)
  return forbidden === undefined ? undefined : { code: 'name_constraints', message: `${name}: ${forbidden}` }
}
