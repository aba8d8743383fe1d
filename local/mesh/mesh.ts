import { chmod, chown, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import packageJson from '../../package.json' with { type: 'json' }
import { openCaStore } from '../../certs/ca-store.ts'
import { describeError } from '../../core/errors.ts'
import {
  BUNDLE_CONFIG_MAP,
  BUNDLE_KEY,
  INJECTOR,
  INJECT_LABEL,
  SYSTEM_NAMESPACE,
  WEBHOOK_PORT,
} from '../../core/contract.ts'
import type { ConfigObject, DesiredState } from '../manifest/objects.ts'
import type { AdmissionOptions } from '../node/admission.ts'
import type { ParsedObject } from '../manifest/parse-object.ts'
import type { IssueToken } from '../pod/volumes.ts'
import { INGRESS_UID, ingressObjects } from './ingress-objects.ts'
import { systemObjects, withSystem } from './system-objects.ts'
import { tokenIssuer } from './token-issuer.ts'
import { WEBHOOK_NAME, writeWebhookCertificate } from './webhook-certificate.ts'

export interface MeshOptions {
  /** On the node's tmpfs: keys and certificates. */
  readonly directory: string
  /** What the control plane reads; the last one wins. */
  readonly manifests: readonly string[]
  /** A file with what is wrong on this machine, in one of the directories. */
  readonly problems: string
  /** Where Canaries keep how far they are. */
  readonly canaries: string
  readonly trustDomain: string
  /** Where reports go on to. */
  readonly collector: string | undefined
  /** The roots changed. */
  changed(): void
  warn(message: string): void
}

export interface Mesh {
  /** Directories that the mesh's own pods mount. */
  readonly hostPaths: readonly string[]
  readonly issueToken: IssueToken
  /** The mesh's own objects alone, to be started before all others. */
  readonly system: readonly ParsedObject[]
  /** With the mesh's own objects, and with those of the ingress pod where Services are exposed. */
  withSystem(desired: DesiredState, ingress: boolean): DesiredState
  /** Where the forwarder of the ingress pod listens. */
  readonly ingressSocket: string
  /** The roots that sidecars trust, as a ConfigMap in each namespace. */
  configMaps(desired: DesiredState): ConfigObject[]
  admission(): Omit<AdmissionOptions, 'url'> & {
    readonly service: string
    readonly port: number
    readonly path: string
  }
  close(): void
}

const REFRESH_MS = 5000
/** Certificates of servers live a day. */
const RENEW_WEBHOOK_MS = 6 * 60 * 60 * 1000

/** Prepares keys and objects of the mesh; starts nothing. */
export async function prepareMesh(options: MeshOptions): Promise<Mesh> {
  const ca = join(options.directory, 'ca')
  const tokenKeys = join(options.directory, 'token-keys')
  const issuer = join(options.directory, 'token-issuer')
  const injector = join(options.directory, 'injector')
  const ingress = join(options.directory, 'ingress')
  const ingressSocket = join(ingress, 'forwarder.sock')
  await mkdir(ingress, { recursive: true })
  await chown(ingress, INGRESS_UID, INGRESS_UID)
  for (const directory of [ca, issuer]) await mkdir(directory, { recursive: true, mode: 0o700 })
  await mkdir(injector, { recursive: true, mode: 0o755 })
  await chmod(injector, 0o755)
  const store = openCaStore({ directory: ca, trustDomain: options.trustDomain })
  await writeWebhookCertificate(store, injector)
  await writeFile(join(injector, 'settings.json'), JSON.stringify({ version: packageJson.version }), {
    mode: 0o644,
  })
  const issueToken = await tokenIssuer(issuer, tokenKeys)

  store.authority.watch(() => options.changed())
  const attempt = (task: () => unknown) => async () => {
    try {
      await task()
    } catch (error) {
      options.warn(describeError(error))
    }
  }
  const timers = [
    setInterval(() => void attempt(() => store.refresh())(), REFRESH_MS),
    setInterval(() => void attempt(() => writeWebhookCertificate(store, injector))(), RENEW_WEBHOOK_MS),
  ]
  const system = systemObjects(
    {
      manifests: options.manifests,
      problems: options.problems,
      ca,
      canaries: options.canaries,
      tokenKeys,
      injector,
    },
    options.trustDomain,
    options.collector,
  )
  return {
    hostPaths: [...options.manifests, ca, options.canaries, tokenKeys, injector, ingress],
    issueToken,
    system,
    withSystem: (desired, exposed) =>
      withSystem(desired, exposed ? [...system, ...ingressObjects(ingress, ingressSocket)] : system),
    ingressSocket,
    configMaps: (desired) =>
      [...desired.namespaces.keys()].map((namespace) => ({
        namespace,
        name: BUNDLE_CONFIG_MAP,
        data: { [BUNDLE_KEY]: store.authority.value.bundle.pem },
      })),
    admission: () => ({
      service: `${INJECTOR}.${SYSTEM_NAMESPACE}`,
      port: WEBHOOK_PORT,
      path: '/mutate',
      caPem: store.authority.value.bundle.pem,
      serverName: WEBHOOK_NAME,
      excludedNamespaces: [SYSTEM_NAMESPACE],
      selector: { label: INJECT_LABEL, value: 'enabled' },
    }),
    close() {
      for (const timer of timers) clearInterval(timer)
    },
  }
}
