import fastify from 'fastify'
import type { FastifyReply } from 'fastify'
import type { Clock } from '../core/clock.ts'
import { capConnections, refusePipelined } from '../core/connection-cap.ts'
import { READY_PATH } from '../core/contract.ts'
import { describeError, WeftError } from '../core/errors.ts'
import { capHandshakes, HANDSHAKE_CAP } from '../core/handshake-cap.ts'
import type { Logger } from '../core/log.ts'
import { exposition, expositionRequest } from '../core/metrics/exposition.ts'
import type { Watchable } from '../core/watched.ts'
import { admissionReview, InvalidReview, readAdmissionReview } from './admission-review.ts'
import { admit } from './admit.ts'
import type { NamespaceLabels } from './admit.ts'
import { InjectorMetrics } from './metrics.ts'
import { checkServingCertificate } from '../core/serving-certificate.ts'
import type { ServingCertificate } from '../core/serving-certificate.ts'
import type { InjectorSettings } from './settings.ts'

export interface WebhookDeps {
  /** Replaced while running: new connections get the new one. */
  readonly certificate: Watchable<ServingCertificate>
  readonly settings: Watchable<InjectorSettings>
  readonly namespaceLabels?: NamespaceLabels | undefined
  readonly logger: Logger
  /** Of the time that handshakes take. */
  readonly clock?: Clock
}

export interface Webhook {
  /** Port 0 chooses one. Throws a WeftError `webhook.listen` when the address can't be had. */
  listen(host: string, port: number): Promise<{ readonly port: number }>
  /**
   * Not ready any more; requests are still taken until `moved` resolves, each of them the last of its connection, so that
   * whoever asks goes elsewhere. Then listens no longer, and is done once the running requests are answered.
   */
  close(moved?: Promise<void>): Promise<void>
}

// The API server sends objects of up to 3 MiB, twice at most, with their managed fields.
const MAX_BODY_BYTES = 8 * 1024 * 1024
// The API server gives up after 30 s at the latest; slow senders hold no connection for longer.
const REQUEST_TIMEOUT_MS = 15_000
// For a request's head.
const HEAD_TIMEOUT_MS = 5000
// The API server's client closes an idle connection after 90 s. Were it us, it could send a review at that moment.
const KEEP_ALIVE_MS = 120_000
// API servers keep tens of them. Anybody in the cluster may open one, so whoever holds most gives way to whoever comes.
const CONNECTIONS = { total: 1024, perAddress: 256 }

/** The admission webhook: POST /mutate, GET /metrics, GET /ready and GET /live over HTTPS. Throws a WeftError `serving.certificate`. */
export function createWebhook(deps: WebhookDeps): Webhook {
  let draining = false
  const { logger } = deps
  const metrics = new InjectorMetrics()
  const app = fastify({
    https: {
      ...tlsOptions(deps.certificate.value),
      minVersion: 'TLSv1.3',
      requestTimeout: REQUEST_TIMEOUT_MS,
      headersTimeout: HEAD_TIMEOUT_MS,
      // Node looks at the two only this often; 30 s unless said.
      connectionsCheckingInterval: 1000,
    },
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    return503OnClosing: false,
    bodyLimit: MAX_BODY_BYTES,
    forceCloseConnections: 'idle',
    logger: false,
  })
  capHandshakes(app.server, HANDSHAKE_CAP, deps.clock)
  capConnections(app.server, CONNECTIONS)
  app.server.on('tlsClientError', (error) => {
    logger.debug('handshake failed', { cause: describeError(error) })
  })

  // Own parser: fastify's refuses a member called `__proto__`, which is just data here.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => {
    try {
      const text = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(body))
      done(null, JSON.parse(text))
    } catch {
      done(new InvalidReview({ message: 'the body is not JSON in UTF-8' }, undefined))
    }
  })

  app.addHook('onRequest', (request, reply, done) => {
    if (refusePipelined(request.raw.socket, reply.raw)) return void reply.hijack()
    if (draining) reply.header('connection', 'close')
    done()
  })
  app.post('/mutate', (request, reply) => {
    const began = performance.now()
    const review = readAdmissionReview(request.body)
    const answer = admit(review, {
      settings: deps.settings.value,
      namespaceLabels: deps.namespaceLabels,
      logger,
      outcome: (outcome) => metrics.admitted(outcome, performance.now() - began),
    })
    return reply.send(admissionReview(review.uid, answer))
  })
  app.get('/metrics', (request, reply) => {
    const families = metrics.families(deps.certificate.value.certPem, Date.now())
    const { searchParams } = new URL(request.url, 'https://localhost')
    const { type, body } = exposition(families, expositionRequest(request.headers.accept, searchParams))
    return reply.type(type).send(body)
  })
  // Also while it drains: one that is asked to end is not to be killed for it.
  app.get('/live', (_request, reply) => reply.send({ live: true }))
  app.get(READY_PATH, (_request, reply) => reply.code(draining ? 503 : 200).send({ ready: !draining }))
  app.setNotFoundHandler((_request, reply) =>
    fail(reply, 404, 'webhook.not_found', 'there are POST /mutate, GET /metrics, GET /ready and GET /live'),
  )
  app.setErrorHandler((error, request, reply) => {
    if (request.url === '/mutate')
      metrics.admitted({ result: 'refused', reason: reasonOf(error) }, reply.elapsedTime)
    return respond(error, reply, logger)
  })

  const unwatch = deps.certificate.watch((certificate) => {
    try {
      app.server.setSecureContext({ ...tlsOptions(certificate), minVersion: 'TLSv1.3' })
      logger.info('serving certificate replaced')
    } catch (error) {
      logger.error('new serving certificate refused, the old one stays', { cause: describeError(error) })
    }
  })

  return {
    async listen(host, port) {
      try {
        await app.listen({ host, port })
      } catch (error) {
        throw new WeftError('webhook.listen', `can't listen on ${host}:${port}: ${describeError(error)}`)
      }
      const address = app.server.address()
      return { port: typeof address === 'object' && address ? address.port : port }
    },
    async close(moved) {
      draining = true
      await moved
      unwatch()
      metrics.close()
      await app.close()
    },
  }
}

function tlsOptions(certificate: ServingCertificate): { cert: string; key: string } {
  checkServingCertificate(certificate)
  return { cert: certificate.certPem, key: certificate.keyPem }
}

/** Every failure becomes an answer here: an AdmissionReview where it can be one, else JSON. */
function respond(error: unknown, reply: FastifyReply, logger: Logger): FastifyReply {
  if (error instanceof InvalidReview) {
    logger.warn('review refused', { cause: describeError(error) })
    if (error.uid === undefined) return fail(reply, 400, error.code, error.message, error.field)
    const status = { code: 400, reason: 'BadRequest', message: `weft: ${describeError(error)}` }
    return reply.send(admissionReview(error.uid, { allowed: false, status }))
  }
  const code = statusCode(error)
  if (code === 413) {
    return fail(reply, 413, 'webhook.too_large', `the body is above ${MAX_BODY_BYTES} bytes`)
  }
  if (code === 415) return fail(reply, 415, 'webhook.content_type', 'content-type must be application/json')
  if (code >= 400 && code < 500) return fail(reply, code, 'webhook.bad_request', describeError(error))
  logger.error('request failed', { cause: describeError(error) })
  return fail(reply, 500, 'webhook.internal', 'the injector failed; its log says why')
}

/** Why no review could be read, in a word. */
function reasonOf(error: unknown): string {
  if (error instanceof InvalidReview) return 'invalid-review'
  const code = statusCode(error)
  return code === 413 ? 'too-large' : code < 500 ? 'bad-request' : 'failed'
}

function statusCode(error: unknown): number {
  const code = error instanceof Error && 'statusCode' in error ? error.statusCode : undefined
  return typeof code === 'number' ? code : 500
}

function fail(
  reply: FastifyReply,
  status: number,
  code: string,
  message: string,
  field?: string,
): FastifyReply {
  return reply.code(status).send({ error: { code, message, ...(field === undefined ? {} : { field }) } })
}
