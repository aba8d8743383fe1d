import { INJECTOR, WEBHOOK_SECRET, systemServiceHost } from '../../core/contract.ts'
import { SecretResource, textOf, type Secret } from '../kubernetes/secret.ts'
import { KubernetesError } from '../kubernetes/api-error.ts'
import { followObjects, type KubernetesObject } from '../kubernetes/follow.ts'
import { issueWebhookPair, renewAt } from './webhook-certificate.ts'
import { WorkQueue } from './work-queue.ts'
import { FIELD_MANAGER, type StartWriter } from './writer.ts'

const CONFIGURATIONS = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations'
/** A timer may not be longer than 24 days. */
const LONGEST_WAIT_MS = 24 * 60 * 60 * 1000

/**
 * Keeps the webhook's serving certificate in its Secret, and the trust bundle in `caBundle` of its configuration: the
 * API server trusts the next root before the certificate is signed by it.
 */
export const writeWebhook: StartWriter = (context) => {
  const { connection, namespace, issuer, clock, log } = context
  const host = systemServiceHost(INJECTOR, namespace)
  const dnsNames = [host, `${host}.cluster.local`]
  const secret = new SecretResource(connection, namespace, WEBHOOK_SECRET)
  const stopped = new AbortController()
  let cancel = () => {}

  const certificate = async (): Promise<void> => {
    const found = await secret.get()
    const due = renewAt(pairOf(found, secret.title), dnsNames, issuer.trust.value)
    const now = clock.now()
    if (due <= now) {
      const pair = await issueWebhookPair(issuer, dnsNames, stopped.signal)
      if (!(await secret.put(found, { ...pair }, 'kubernetes.io/tls'))) throw conflict()
      log.info("the webhook's certificate was issued", { secret: secret.title })
    }
    cancel()
    const wait = due <= now ? LONGEST_WAIT_MS : Math.min(due - now, LONGEST_WAIT_MS)
    cancel = clock.after(wait, () => queue.add('certificate'))
  }
  const configuration = async (): Promise<void> => {
    const found = followed.configuration.objects.get(INJECTOR)
    if (!found) return
    const caBundle = Buffer.from(issuer.trust.value.bundle.pem).toString('base64')
    const patch = webhooksOf(found).flatMap(({ name, clientConfig = {} }, at) =>
      clientConfig.caBundle === caBundle
        ? []
        : [
            { op: 'test', path: `/webhooks/${at}/name`, value: name },
            { op: 'add', path: `/webhooks/${at}/clientConfig/caBundle`, value: caBundle },
          ],
    )
    if (patch.length === 0) return
    const { resourceVersion } = found.metadata
    const answer = await connection.request({
      method: 'PATCH',
      path: `${CONFIGURATIONS}/${INJECTOR}`,
      query: { fieldManager: FIELD_MANAGER },
      contentType: 'application/json-patch+json',
      body: [{ op: 'test', path: '/metadata/resourceVersion', value: resourceVersion }, ...patch],
    })
    followed.configuration.wrote(answer)
    log.info('the caBundle of the webhook was written', { configuration: INJECTOR })
  }
  const queue: WorkQueue = new WorkQueue({
    ...context,
    what: 'the certificate or the configuration of the webhook',
    // What is trusted first, then what needs it.
    reconcile: async (key) => (key === 'certificate' ? certificate() : configuration()),
    parallel: 1,
  })
  const both = () => {
    queue.add('configuration')
    queue.add('certificate')
  }
  const unwatch = issuer.trust.watch(both)
  const followed = {
    configuration: followObjects({
      ...context,
      path: CONFIGURATIONS,
      name: INJECTOR,
      onObject: () => queue.add('configuration'),
      // The certificate is for who trusts it: after the configuration, or where there is none yet.
      onListed: both,
    }),
    secret: followObjects({
      ...context,
      path: `/api/v1/namespaces/${namespace}/secrets`,
      name: WEBHOOK_SECRET,
      onObject: () => queue.add('certificate'),
    }),
  }
  return {
    async stop() {
      stopped.abort()
      unwatch()
      cancel()
      for (const one of Object.values(followed)) one.close()
      await queue.stop()
    },
  }
}

interface Webhook {
  readonly name: string
  readonly clientConfig?: { readonly caBundle?: string }
}

function webhooksOf(object: KubernetesObject): readonly Webhook[] {
  return (object['webhooks'] as readonly Webhook[] | undefined) ?? []
}

function pairOf(secret: Secret | undefined, title: string) {
  const text = (key: string): string => {
    try {
      return textOf(secret, key, title) ?? ''
    } catch {
      // What cannot be read is replaced.
      return ''
    }
  }
  return { 'tls.crt': text('tls.crt'), 'tls.key': text('tls.key') }
}

function conflict(): KubernetesError {
  const target = { group: '', resource: 'secrets', namespace: '', name: WEBHOOK_SECRET, verb: 'update' }
  return new KubernetesError('kubernetes.conflict', 'somebody else wrote it', { target, status: 409 })
}
