import type { Options } from './options.ts'
import type { ControlPlane } from './control-plane.ts'
import { monotonicMs, policyKey } from './messages.ts'
import type { BedService, Objects } from './objects.ts'
import type { PolicyObjects } from './policy-objects.ts'
import type { Proxies } from './proxies.ts'
import type { Phase } from './result.ts'

const IDLE_MS = 10_000
const FAST_GAP_MS = 20

interface Change {
  /** From the write's sending. */
  readonly ms: number
  /** From the API server's answer. */
  readonly answeredMs: number
  readonly bytes: number
  readonly told: number
}

export const keyOf = ({ namespace, name }: BedService): string => `${namespace}/${name}/80`

/** CPU of the control plane while nothing happens: percent of a core. */
export async function measureIdle(controlPlane: ControlPlane): Promise<number> {
  const before = controlPlane.cpuMs()
  await pause(IDLE_MS)
  return ((controlPlane.cpuMs() - before) / IDLE_MS) * 100
}

export class Changes {
  readonly #objects: Objects
  readonly #proxies: Proxies
  readonly #controlPlane: ControlPlane
  readonly #services: readonly BedService[]
  readonly #notReady = new Set<BedService>()

  constructor(objects: Objects, proxies: Proxies, controlPlane: ControlPlane) {
    this.#objects = objects
    this.#proxies = proxies
    this.#controlPlane = controlPlane
    this.#services = objects.services.filter((service) => proxies.interested(keyOf(service)) > 0)
  }

  /** Each when every proxy has had the one before. */
  async alone({ changes }: Options): Promise<Phase> {
    const before = this.#controlPlane.cpuMs()
    const found: Change[] = []
    for (let at = 0; at < changes; at++) {
      found.push(await this.#change(this.#services[at % this.#services.length] as BedService))
      await pause(FAST_GAP_MS)
    }
    return phaseOf(found, this.#controlPlane.cpuMs() - before)
  }

  /** Of different Services, at a fixed rate, whether the ones before have arrived or not. */
  async fast({ changes }: Options): Promise<Phase> {
    const before = this.#controlPlane.cpuMs()
    const pending: Promise<Change>[] = []
    const began = monotonicMs()
    for (let at = 0; at < changes; at++) {
      await pause(began + at * FAST_GAP_MS - monotonicMs())
      // From the end: those that were changed alone are at the beginning.
      pending.push(this.#change(this.#services.at(-1 - (at % this.#services.length)) as BedService))
    }
    const found = await Promise.all(pending)
    return phaseOf(found, this.#controlPlane.cpuMs() - before)
  }

  /** Of the policy of the whole mesh, which every proxy is told of, each when every proxy has had the one before. */
  async policy(objects: PolicyObjects, proxies: number, changes: number): Promise<Phase> {
    const change = async (number: number): Promise<Change> => {
      const last = this.#proxies.last(policyKey(number), proxies)
      const sent = monotonicMs()
      await objects.change(number)
      const answered = monotonicMs()
      const { at, bytes } = await last
      return { ms: at - sent, answeredMs: at - answered, bytes, told: proxies }
    }
    // Not counted: all that was made before it has been taken once it has arrived.
    await change(1)
    const before = this.#controlPlane.cpuMs()
    const found: Change[] = []
    for (let at = 0; at < changes; at++) {
      found.push(await change(at + 2))
      await pause(FAST_GAP_MS)
    }
    return phaseOf(found, this.#controlPlane.cpuMs() - before)
  }

  async #change(service: BedService): Promise<Change> {
    const last = this.#proxies.last(keyOf(service))
    const ready = this.#notReady.delete(service)
    if (!ready) this.#notReady.add(service)
    const sent = monotonicMs()
    await this.#objects.change(service, ready)
    const answered = monotonicMs()
    const { at, bytes } = await last
    return { ms: at - sent, answeredMs: at - answered, bytes, told: this.#proxies.interested(keyOf(service)) }
  }
}

function phaseOf(found: readonly Change[], cpuMs: number): Phase {
  const mean = (of: (one: Change) => number): number =>
    found.reduce((sum, one) => sum + of(one), 0) / found.length
  const quantile = (of: (one: Change) => number, share: number): number => {
    const sorted = found.map(of).sort((a, b) => a - b)
    return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? 0
  }
  return {
    changes: found.length,
    told: mean(({ told }) => told),
    p50: quantile(({ ms }) => ms, 0.5),
    p99: quantile(({ ms }) => ms, 0.99),
    longest: quantile(({ ms }) => ms, 1),
    answeredP50: quantile(({ answeredMs }) => answeredMs, 0.5),
    answeredP99: quantile(({ answeredMs }) => answeredMs, 0.99),
    bytes: mean(({ bytes }) => bytes),
    cpuMs: cpuMs / found.length,
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)))
}
