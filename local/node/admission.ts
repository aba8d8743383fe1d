import { randomUUID } from 'node:crypto'
import { Agent, request } from 'undici'
import { WeftError, describeError } from '../../core/errors.ts'
import { applyPatch } from '../../injector/json-patch.ts'
import type { Json, PatchOperation } from '../../injector/json-patch.ts'
import type { PodManifest } from '../pod/pod-runner.ts'

export interface AdmissionOptions {
  readonly url: string
  /** Certificates that the webhook's own must lead to. */
  readonly caPem: string
  /** The name in the webhook's certificate. */
  readonly serverName: string
  /** Namespaces whose pods are not shown to it. */
  readonly excludedNamespaces: readonly string[]
  /**
   * A label, as in a namespaceSelector and an objectSelector: shown are pods that carry it, and all pods of
   * namespaces that carry it. Every pod when undefined.
   */
  readonly selector: { readonly label: string; readonly value: string } | undefined
}

interface Review {
  readonly response?: {
    readonly uid?: string
    readonly allowed?: boolean
    readonly status?: { readonly message?: string }
    readonly patch?: string
    readonly patchType?: string
    readonly warnings?: readonly string[]
  }
}

/** Called with what the webhook has to say of a pod, also when that is nothing. */
export type Warned = (namespace: string, name: string, warnings: readonly string[]) => void

const TIMEOUT_MS = 10_000
/** With the handshake: a webhook on a node that was lost a moment ago answers nobody, and another is made. */
const CONNECT_MS = 3000

/** Shows new pods to a mutating webhook and applies its patch. Source: admission.k8s.io/v1. */
export class Admission {
  readonly #options: AdmissionOptions
  readonly #agent: Agent
  readonly #warned: Warned

  constructor(options: AdmissionOptions, warned: Warned) {
    this.#options = options
    this.#warned = warned
    this.#agent = new Agent({
      connect: { ca: options.caPem, servername: options.serverName, timeout: CONNECT_MS },
      keepAliveTimeout: 1000,
    })
  }

  /** The pod as the webhook wants it. Throws when it refuses or gives no proper answer. */
  async admit(pod: PodManifest, namespaceLabels: Readonly<Record<string, string>>): Promise<PodManifest> {
    const { namespace, name, uid, labels } = pod.metadata as {
      namespace: string
      name: string
      uid: string
      labels?: Record<string, string>
    }
    const { excludedNamespaces, selector } = this.#options
    if (excludedNamespaces.includes(namespace)) return pod
    if (selector && [namespaceLabels, labels].every((own) => own?.[selector.label] !== selector.value))
      return pod
    const object = { apiVersion: 'v1', kind: 'Pod', ...pod }
    const reviewId = randomUUID()
    const kind = { group: '', version: 'v1', kind: 'Pod' }
    const resource = { group: '', version: 'v1', resource: 'pods' }
    const body = JSON.stringify({
      apiVersion: 'admission.k8s.io/v1',
      kind: 'AdmissionReview',
      request: {
        uid: reviewId,
        kind,
        resource,
        requestKind: kind,
        requestResource: resource,
        name,
        namespace,
        operation: 'CREATE',
        userInfo: { username: 'system:serviceaccount:kube-system:replicaset-controller', uid, groups: [] },
        object,
        oldObject: null,
        dryRun: false,
        options: { apiVersion: 'meta.k8s.io/v1', kind: 'CreateOptions' },
      },
    })
    const { response } = await this.#post(body)
    if (!response || response.uid !== reviewId) throw failed('the webhook did not answer this review')
    this.#warned(namespace, name, response.warnings ?? [])
    if (response.allowed !== true)
      throw failed(`the webhook refused the pod: ${response.status?.message ?? 'no reason given'}`)
    if (response.patch === undefined) return pod
    if (response.patchType !== 'JSONPatch')
      throw failed(`the webhook answered with patch type ${response.patchType}`)
    const patch = JSON.parse(Buffer.from(response.patch, 'base64').toString('utf8')) as PatchOperation[]
    return applyPatch(object as unknown as Json, patch) as unknown as PodManifest
  }

  async #post(body: string): Promise<Review> {
    try {
      const answer = await request(this.#options.url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
        dispatcher: this.#agent,
        signal: AbortSignal.timeout(TIMEOUT_MS),
      })
      if (answer.statusCode !== 200) {
        await answer.body.dump()
        throw failed(`the webhook answered ${answer.statusCode}`)
      }
      return (await answer.body.json()) as Review
    } catch (error) {
      if (error instanceof WeftError) throw error
      throw failed(`the webhook could not be asked: ${describeError(error)}`)
    }
  }
}

function failed(message: string): WeftError {
  return new WeftError('local.admission', message)
}
