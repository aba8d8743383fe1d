import { isLoopback } from '../../../core/flags.ts'
import type { Access } from './access.ts'

export interface OpenAccessOptions {
  /** Whether whoever is on this machine acts. */
  readonly acts: boolean
  /** Addresses of this machine beside loopback, as this process sees them. */
  readonly machine?: readonly string[] | undefined
}

/** Without tokens: whoever reaches the port reads. Nobody acts for whom a proxy of this machine speaks. */
export function openAccess({ acts, machine = [] }: OpenAccessOptions): Access {
  return {
    admit: ({ address, forwarded }) => {
      const plain = address.replace(/^::ffff:/i, '')
      const here = (isLoopback(plain) || machine.includes(plain)) && !forwarded
      return Promise.resolve({
        name: plain,
        known: acts && here,
        may: (verb) => Promise.resolve(verb !== 'act' || (acts && here)),
      })
    },
    isReplica: () => Promise.resolve(true),
    replicaAuthorization: () => undefined,
  }
}
