/** A Lease of coordination.k8s.io/v1. */
export interface Lease {
  readonly apiVersion: 'coordination.k8s.io/v1'
  readonly kind: 'Lease'
  readonly metadata: {
    readonly namespace: string
    readonly name: string
    readonly resourceVersion?: string
    readonly [field: string]: unknown
  }
  readonly spec?: LeaseSpec
}

export interface LeaseSpec {
  readonly holderIdentity?: string
  readonly leaseDurationSeconds?: number
  readonly acquireTime?: string
  readonly renewTime?: string
  readonly leaseTransitions?: number
  readonly [field: string]: unknown
}

/** The Lease as its new or old holder writes it; `found`'s resourceVersion makes sure that nobody wrote since. */
export function heldBy(
  found: Lease | undefined,
  { namespace, name, identity }: { namespace: string; name: string; identity: string },
  now: string,
  leaseMs: number,
): Lease {
  const before = found?.spec ?? {}
  const same = found !== undefined && before.holderIdentity === identity
  const transitions = before.leaseTransitions ?? 0
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: found?.metadata ?? { namespace, name },
    spec: {
      ...before,
      holderIdentity: identity,
      leaseDurationSeconds: Math.max(1, Math.round(leaseMs / 1000)),
      acquireTime: (same ? before.acquireTime : undefined) ?? now,
      renewTime: now,
      leaseTransitions: same || !found ? transitions : transitions + 1,
    },
  }
}

/** Given back: nobody's, and soon over for those who do not know an empty holder. */
export function released(lease: Lease, now: string): Lease {
  return {
    ...lease,
    spec: { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1, acquireTime: now, renewTime: now },
  }
}

/** MicroTime, as Kubernetes writes it. */
export function microTime(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '000Z')
}
