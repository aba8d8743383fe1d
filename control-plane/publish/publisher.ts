import { LEADER_LEASE } from '../../core/contract.ts'
import { moveCanaries } from './canary-writer.ts'
import { writeBundles } from './bundle-writer.ts'
import { writeClusterTrustBundle } from './cluster-trust-bundle-writer.ts'
import { tellIssuer } from './issuer-events.ts'
import { electLeader, type LeaderTimes } from './leader.ts'
import { writeMeshStatus } from './mesh-status-writer.ts'
import { writePolicyStatus } from './policy-status-writer.ts'
import { writeRouteStatus } from './status-writer.ts'
import { repairUncaptured, type CniRepair } from './uncaptured-pods.ts'
import { writeTokenKeys } from './token-keys-writer.ts'
import { writeWebhook } from './webhook-writer.ts'
import type { StartWriter, Writer, WriterContext } from './writer.ts'

export interface PublisherOptions extends Omit<WriterContext, 'mayWrite'> {
  /** Unlike that of any other replica, also of the same pod's last run. */
  readonly identity: string
  readonly times?: LeaderTimes
  /** The signer in whose ClusterTrustBundle the roots are kept; undefined: in none. */
  readonly clusterTrustBundle?: string | undefined
  /** What becomes of pods whose traffic is not captured; default nothing. */
  readonly cniRepair?: CniRepair
  /** All that there are unless a test says otherwise. */
  readonly writers?: readonly StartWriter[]
}

export interface Publisher {
  /** Writes nothing more, and lets another replica write at once. */
  stop(): Promise<void>
}

const WRITERS: readonly StartWriter[] = [
  writeBundles,
  writeWebhook,
  writeRouteStatus,
  writePolicyStatus,
  moveCanaries,
  writeMeshStatus,
  tellIssuer,
  writeTokenKeys,
]

/** What the control plane writes back into the cluster: by one replica at a time, the holder of a Lease. */
export function startPublisher(options: PublisherOptions): Publisher {
  const { clusterTrustBundle: signerName, cniRepair = 'off' } = options
  const {
    writers = [
      ...WRITERS,
      ...(signerName === undefined ? [] : [writeClusterTrustBundle(signerName)]),
      ...(cniRepair === 'off' ? [] : [repairUncaptured(cniRepair)]),
    ],
  } = options
  const leader = electLeader({ ...options, name: LEADER_LEASE })
  let running: readonly Writer[] = []
  let ending: Promise<unknown> = Promise.resolve()

  const begin = (): void => {
    running = writers.map((start) => start({ ...options, mayWrite: () => leader.mayWrite() }))
  }
  const end = (): void => {
    const all = running
    running = []
    ending = Promise.all([ending, ...all.map((one) => one.stop())])
  }
  const unwatch = leader.leading.watch((leading) => (leading ? begin() : end()))
  if (leader.leading.value) begin()
  return {
    async stop() {
      unwatch()
      end()
      // The Lease is for the next one only when nothing is under way any more.
      await ending
      await leader.close()
    },
  }
}
