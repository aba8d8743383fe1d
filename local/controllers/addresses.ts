import { createHash } from 'node:crypto'
import { WeftError } from '../../core/errors.ts'

export const POD_NETWORK = { v4: '10.244.0.0/16', v6: 'fd00:10:244::/112' }
export const SERVICE_NETWORK = { v4: '10.96.0.0/16', v6: 'fd00:10:96::/112' }
/** The node's own address towards pods: where probes come from. */
export const NODE_ADDRESS = { v4: '10.244.0.1', v6: 'fd00:10:244::1' }
/** Where pods ask for names. */
export const DNS_ADDRESS = '10.96.0.10'

const FIRST = 2
const LAST = 0xfffe

export interface PodAddresses {
  readonly index: number
  readonly v4: string
  readonly v6: string
}

/** Hands out pod addresses in sequence, so that a freed one stays unused for as long as possible. */
export class PodAddressPool {
  readonly #used = new Set<number>()
  readonly #first: number
  readonly #last: number
  #next: number

  /** Both inclusive; by default all of the pods' network. */
  constructor(first = FIRST, last = LAST) {
    this.#first = first
    this.#last = last
    this.#next = first
  }

  take(): PodAddresses {
    for (let tried = this.#first; tried <= this.#last; tried++) {
      const index = this.#next
      this.#next = index === this.#last ? this.#first : index + 1
      if (this.#used.has(index)) continue
      this.#used.add(index)
      return {
        index,
        v4: `10.244.${index >> 8}.${index & 0xff}`,
        v6: `fd00:10:244::${index.toString(16)}`,
      }
    }
    const limit = (this.#last - this.#first + 1).toLocaleString('en-US')
    throw new WeftError('local.no_address', `no pod address is free: ${limit} pods are the limit`)
  }

  release(addresses: PodAddresses): void {
    this.#used.delete(addresses.index)
  }
}

/**
 * Cluster addresses of Services: the one asked for, else one that follows from the name, so that a
 * cluster that is started again gives each Service its address again.
 */
export class ServiceAddressPool {
  readonly #byService = new Map<string, number>()
  readonly #used = new Set<number>([0, 1, 10])

  /** `service` is `namespace/name`; `requested` an IPv4 address. Throws when it is outside or taken. */
  take(service: string, requested?: string): { v4: string; v6: string } {
    let index = this.#byService.get(service)
    if (requested !== undefined) {
      const wanted = requested.startsWith('10.96.') ? indexOf(requested) : undefined
      if (wanted === undefined || (wanted !== index && this.#used.has(wanted))) {
        throw new WeftError(
          'local.service_address',
          `${requested} is taken or outside ${SERVICE_NETWORK.v4}`,
          {
            field: 'spec.clusterIP',
          },
        )
      }
      if (index !== undefined) this.#used.delete(index)
      index = wanted
    }
    if (index === undefined) {
      index = createHash('sha256').update(service).digest().readUInt16BE(0)
      // The first 256 are left to manifests that ask for an address, as Kubernetes does.
      while (index < 256 || index > LAST || this.#used.has(index)) index = (index + 1) & 0xffff
    }
    this.#used.add(index)
    this.#byService.set(service, index)
    return { v4: `10.96.${index >> 8}.${index & 0xff}`, v6: `fd00:10:96::${index.toString(16)}` }
  }

  release(service: string): void {
    const index = this.#byService.get(service)
    if (index === undefined) return
    this.#byService.delete(service)
    this.#used.delete(index)
  }
}

function indexOf(address: string): number {
  const [, , third = 0, fourth = 0] = address.split('.').map(Number)
  return (third << 8) | fourth
}
