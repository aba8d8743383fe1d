import { issueServer, issueWorkload } from '../../certs/authority.ts'
import type { Authority } from '../../certs/authority.ts'
import { systemClock, type Clock } from '../../core/clock.ts'
import { Watched, type Watchable } from '../../core/watched.ts'
import type { Issuer, Trust } from './issuer.ts'

const trustOf = ({ bundle, credentials }: Authority): Trust => ({ bundle, issuing: credentials })

/**
 * Signs with a CA whose key is here: the mesh's own, or an intermediate that somebody else made and renews. It takes 0.3 ms
 * and waits for nobody. `sign` throws WeftError `ca.*`.
 */
export function authorityIssuer(
  title: string,
  authority: Watchable<Authority>,
  {
    clock = systemClock,
    trouble = new Watched(undefined),
    close = () => {},
  }: { clock?: Clock; trouble?: Issuer['trouble']; close?: () => void } = {},
): Issuer {
  return {
    title,
    trust: {
      get value() {
        return trustOf(authority.value)
      },
      watch: (listener) => authority.watch((value) => listener(trustOf(value))),
    },
    trouble,
    async sign({ names, publicKey, lifeMs }) {
      const { credentials, bundle } = authority.value
      const about = { publicKey, lifeMs, now: clock.now() }
      const { chain } =
        'spiffeId' in names
          ? issueWorkload(credentials, { ...about, spiffeId: names.spiffeId })
          : issueServer(credentials, { ...about, dnsNames: names.dnsNames })
      return { chain, bundle }
    },
    close,
  }
}
