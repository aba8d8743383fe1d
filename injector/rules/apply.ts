import { INIT_CONTAINER } from '../../core/contract.ts'
import { describeError, WeftError } from '../../core/errors.ts'
import type { Logger } from '../../core/log.ts'
import { captureRules, missingRules, removalRules, rollbackRules } from './capture.ts'
import type { CaptureSettings, Family } from './capture.ts'
import { findIptables } from './iptables.ts'
import type { Iptables, RunCommand } from './iptables.ts'
import type { InitOptions } from './flags.ts'

/** What the init program sees of the kernel; replaced in tests. */
export interface Host {
  readonly run: RunCommand
  /** `/proc/net/if_inet6`; undefined where the kernel has no IPv6. */
  readonly ifInet6: () => string | undefined
  /** `/proc/self/status`. */
  readonly status: () => string
  readonly logger: Logger
}

/**
 * Puts the capture rules in force for IPv4 and IPv6 and checks that they are. Either both families end
 * with the new rules, or the call throws a WeftError and both are as they were before.
 */
export async function applyCapture(
  options: Pick<InitOptions, 'capture' | 'ipv6'>,
  host: Host,
): Promise<void> {
  requireNetAdmin(host)
  // Every family is found and tested before any is changed.
  const tools = await findTools(options, host)
  const before = new Map<Iptables, string>()
  const set = await Promise.allSettled(
    tools.map(async (tool) => {
      const saved = await tool.save()
      before.set(tool, saved)
      await tool.restore(captureRules(options.capture, tool.family, saved))
      await verify(tool, options.capture)
      host.logger.info('capture rules set', { family: tool.family, backend: tool.prefix })
    }),
  )
  const failed = set.find((one) => one.status === 'rejected')
  if (failed === undefined) return
  for (const [tool, saved] of before) await undo(tool, saved, host)
  throw failed.reason
}

/**
 * Puts the capture rules in force in a network that was made a moment ago, by two runs of iptables a family in place of five:
 * nothing is looked at or tried before. Where it throws, what is half done goes with the network; where there were rules
 * already, they are replaced as `applyCapture` does it.
 */
export async function captureNewNetwork(
  options: Pick<InitOptions, 'capture' | 'ipv6'>,
  host: Host,
): Promise<void> {
  requireNetAdmin(host)
  const tools = await findTools(options, host, 'restore')
  const found = await Promise.all(
    tools.map(async (tool) => missingRules(options.capture, tool.family, await tool.save())),
  )
  if (found.some((problems) => problems.length > 0)) await applyCapture(options, host)
}

async function verify(tool: Iptables, capture: CaptureSettings): Promise<void> {
  const problems = missingRules(capture, tool.family, await tool.save())
  if (problems.length > 0)
    throw new WeftError('init.verify', `the rules are not in force: ${problems.join(', ')}`)
}

/** What differs, in either family, between the capture rules wanted and those in force; empty when nothing does. */
export async function captureProblems(
  options: Pick<InitOptions, 'capture' | 'ipv6'>,
  host: Host,
): Promise<string[]> {
  requireNetAdmin(host)
  const tools = await findTools(options, host)
  const found = await Promise.all(
    tools.map(async (tool) => missingRules(options.capture, tool.family, await tool.save())),
  )
  return found.flatMap((problems, at) => problems.map((one) => `IPv${tools[at]?.family ?? 4}: ${one}`))
}

/** Of each family that the pod has; at once, because each waits for programs. */
async function findTools(
  options: Pick<InitOptions, 'capture' | 'ipv6'>,
  host: Host,
  attempt: Attempt = 'test',
): Promise<readonly Iptables[]> {
  const [four, six] = await Promise.all([
    find(options.capture, 4, host, attempt),
    findIpv6(options, host, attempt),
  ])
  return six ? [four, six] : [four]
}

/** Takes the rules of both families away; a family without any is left as it is. */
export async function removeCapture(host: Host): Promise<void> {
  requireNetAdmin(host)
  const families: Family[] = host.ifInet6() === undefined ? [4] : [4, 6]
  for (const family of families) {
    const tool = await findIptables(family, () => '*nat\nCOMMIT\n', host.run)
    const rules = removalRules(await tool.save())
    if (rules !== undefined) await tool.restore(rules)
    host.logger.info(rules === undefined ? 'no capture rules to remove' : 'capture rules removed', { family })
  }
}

type Attempt = 'test' | 'restore'

function find(capture: CaptureSettings, family: Family, host: Host, attempt: Attempt): Promise<Iptables> {
  return findIptables(family, (saved) => captureRules(capture, family, saved), host.run, attempt)
}

async function findIpv6(
  { capture, ipv6 }: Pick<InitOptions, 'capture' | 'ipv6'>,
  host: Host,
  attempt: Attempt,
): Promise<Iptables | undefined> {
  if (ipv6 === 'off') return undefined
  const interfaces = host.ifInet6()
  if (interfaces === undefined && ipv6 === 'auto') {
    host.logger.info('IPv6 skipped: the kernel has none')
    return undefined
  }
  try {
    return await find(capture, 6, host, attempt)
  } catch (error) {
    // Leaving a routable address uncaptured would be traffic past the mesh: then it is an error.
    if (ipv6 === 'on' || hasRoutableAddress(interfaces ?? '')) throw error
    host.logger.warn('IPv6 skipped: the pod has no IPv6 address', { cause: describeError(error) })
    return undefined
  }
}

/** Whether an interface but lo has an address of global scope (fourth column 00 in if_inet6). */
export function hasRoutableAddress(interfaces: string): boolean {
  return interfaces.split('\n').some((line) => {
    const [, , , scope, , device] = line.trim().split(/\s+/)
    return scope === '00' && device !== 'lo'
  })
}

async function undo(tool: Iptables, before: string, host: Host): Promise<void> {
  try {
    const rules = rollbackRules(before, await tool.save())
    if (rules !== undefined) await tool.restore(rules)
  } catch (error) {
    host.logger.error('rules could not be taken back', { family: tool.family, cause: describeError(error) })
  }
}

// CAP_NET_ADMIN is bit 12 of the effective set. Asked first, because what iptables says without it is obscure.
function requireNetAdmin(host: Host): void {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(host.status())?.[1]
  if (effective === undefined || (BigInt(`0x${effective}`) >> 12n) & 1n) return
  throw new WeftError(
    'init.no_net_admin',
    `the capability NET_ADMIN is missing: allow it for the init container ${INIT_CONTAINER} (Pod Security "privileged" for this namespace)`,
  )
}
