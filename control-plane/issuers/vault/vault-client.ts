import { readFileSync } from 'node:fs'
import { Agent, type Dispatcher } from 'undici'
import { quote } from '../../../certs/printable.ts'
import { systemClock, type Clock } from '../../../core/clock.ts'
import { describeError, WeftError } from '../../../core/errors.ts'

/** How this control plane proves to Vault who it is. */
export type VaultLogin =
  /** A file that somebody else keeps fresh, such as Vault Agent; read for each request. */
  | { readonly kind: 'token-file'; readonly path: string }
  /** Auth method `kubernetes`, at auth/MOUNT, with the ServiceAccount token of a file. */
  | { readonly kind: 'kubernetes'; readonly mount: string; readonly role: string; readonly tokenPath: string }

export interface VaultClientOptions {
  /** `https://vault.vault.svc:8200` */
  readonly address: string
  readonly login: VaultLogin
  /** Vault's own namespaces (Enterprise, or HCP); undefined: none. */
  readonly namespace?: string | undefined
  /** File with the CAs of Vault's certificate, read anew when it changes; undefined: those of the system. */
  readonly caPath?: string | undefined
  readonly clock?: Clock
}

export interface VaultClient {
  /**
   * `data` of the answer, or the whole where it has none; `path` without `/v1/`. Throws WeftError `issuer.unavailable` for
   * what would fail for everybody, `issuer.refused` for what is wrong with this request, with Vault's own words.
   */
  request(method: 'GET' | 'POST', path: string, body: unknown, signal: AbortSignal): Promise<unknown>
  close(): void
}

/** An answer with a chain of eight certificates has 20 KiB. */
const LARGEST_ANSWER = 256 * 1024
const CONNECT_MS = 5000
/** A token of a login is used for this share of its life. */
const TOKEN_SHARE = 2 / 3
const PARALLEL = 8
/** What its PKI engine says with 400, as of a request that the role does not allow. */
const UNKNOWN_ROLE = 'unknown role'
/** And its core with 403, of a token that is over. */
const INVALID_TOKEN = 'invalid token'

interface Answer {
  readonly status: number
  readonly body: unknown
}

/**
 * Vault's HTTP API (developer.hashicorp.com/vault/api-docs): token, login and errors. Neither token is ever part of a
 * message or a log.
 */
export function vaultClient(options: VaultClientOptions): VaultClient {
  const { address, login, namespace, caPath, clock = systemClock } = options
  const { origin, pathname } = new URL(address)
  const base = pathname.replace(/\/$/, '')
  let agent: { readonly ca: string | undefined; readonly agent: Agent } | undefined
  let kept: { readonly token: string; readonly until: number } | undefined
  let loggingIn: Promise<string> | undefined

  const agentNow = (): Agent => {
    const ca = caPath === undefined ? undefined : readSecretFile(caPath, '--vault-ca', 'the CA of Vault')
    if (agent && agent.ca === ca) return agent.agent
    void agent?.agent.close()
    const connect = { ...(ca === undefined ? {} : { ca }), timeout: CONNECT_MS }
    agent = { ca, agent: new Agent({ connect, allowH2: false, connections: PARALLEL }) }
    return agent.agent
  }

  const send = async (
    method: string,
    path: string,
    body: unknown,
    token: string | undefined,
    signal: AbortSignal,
  ): Promise<Answer> => {
    const headers = {
      accept: 'application/json',
      // Vault refuses what comes from a page that somebody else wrote.
      'x-vault-request': 'true',
      ...(namespace !== undefined && { 'x-vault-namespace': namespace }),
      ...(token !== undefined && { 'x-vault-token': token }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    }
    try {
      const answer = await agentNow().request({
        origin,
        path: `${base}/v1/${path}`,
        method: method as Dispatcher.HttpMethod,
        headers,
        body: body === undefined ? null : JSON.stringify(body),
        signal,
      })
      return { status: answer.statusCode, body: await readBody(answer.body) }
    } catch (error) {
      if (error instanceof WeftError || signal.aborted) throw error
      const why = describeError(error) || (error as { code?: string }).code || 'no answer'
      throw new WeftError(
        'issuer.unavailable',
        `Vault does not answer: ${quote(why, 300)}: see whether it runs, and --vault-ca`,
        {
          field: '--vault-address',
          cause: error,
        },
      )
    }
  }

  const logIn = async (signal: AbortSignal): Promise<string> => {
    if (login.kind === 'token-file') return readSecretFile(login.path, '--vault-token-file', 'the token')
    if (kept && clock.now() < kept.until) return kept.token
    const jwt = readSecretFile(login.tokenPath, '--vault-kubernetes-token', 'the ServiceAccount token')
    const path = `auth/${login.mount}/login`
    const answer = await send('POST', path, { role: login.role, jwt }, undefined, signal)
    const { status, body } = answer
    // It is away for everybody: that says nothing of the role.
    if (status >= 500) throw refusal(answer, path)
    const auth = (body as { auth?: { client_token?: unknown; lease_duration?: unknown } } | undefined)?.auth
    if (status !== 200 || typeof auth?.client_token !== 'string')
      throw new WeftError(
        'issuer.unavailable',
        `Vault refuses the login: ${saidBy(status, body)}: compare the role's bound ServiceAccounts and audience, and Vault's own access to TokenReviews`,
        { field: `auth/${login.mount}/role/${login.role}` },
      )
    const seconds = typeof auth.lease_duration === 'number' ? auth.lease_duration : 0
    kept = { token: auth.client_token, until: clock.now() + seconds * 1000 * TOKEN_SHARE }
    return auth.client_token
  }
  /** One login for all who come at once. */
  const token = (signal: AbortSignal): Promise<string> => {
    loggingIn ??= logIn(signal).finally(() => (loggingIn = undefined))
    return loggingIn
  }

  return {
    async request(method, path, body, signal) {
      let answer = await send(method, path, body, await token(signal), signal)
      if (answer.status === 403 && login.kind === 'kubernetes') {
        // Revoked, or its lease was cut short: a fresh one is tried once.
        kept = undefined
        answer = await send(method, path, body, await token(signal), signal)
      }
      if (answer.status >= 200 && answer.status < 300) {
        const { data } = (answer.body ?? {}) as { readonly data?: unknown }
        return data ?? answer.body
      }
      throw refusal(answer, path)
    },
    close() {
      void agent?.agent.destroy()
    },
  }
}

function refusal({ status, body }: Answer, path: string): WeftError {
  const said = saidBy(status, body)
  const error = (code: string, remedy: string) =>
    new WeftError(`issuer.${code}`, `Vault answers ${said}: ${remedy}`, { field: path })
  if (status === 403 && said.includes(INVALID_TOKEN))
    return error('unavailable', 'the token has ended or was revoked: put another in its place')
  if (status === 403) return error('unavailable', 'give the token a policy with `update` on that path')
  if (status === 404)
    return error('unavailable', 'compare --vault-mount and --vault-role, and --vault-namespace')
  if (status === 400 && said.includes(UNKNOWN_ROLE))
    return error('unavailable', 'compare --vault-role with the roles of the mount')
  if (status === 400) return error('refused', 'compare what the role allows (docs/issuers.md)')
  if (status === 503) return error('unavailable', 'it is sealed or starts: unseal it')
  return error('unavailable', 'see what Vault logs')
}

/** `403: permission denied`; Vault's words name paths and names, and no secret. */
function saidBy(status: number, body: unknown): string {
  const { errors } = (body ?? {}) as { readonly errors?: unknown }
  const texts = Array.isArray(errors) ? errors.filter((one) => typeof one === 'string') : []
  return texts.length === 0
    ? String(status)
    : `${status}: ${quote(texts.join('; ').replace(/\s+/g, ' '), 300)}`
}

async function readBody(body: Dispatcher.ResponseData['body']): Promise<unknown> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of body as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > LARGEST_ANSWER) {
      body.destroy()
      throw new WeftError(
        'issuer.wrong_answer',
        `Vault's answer is longer than ${LARGEST_ANSWER} bytes: see whether that address is Vault's`,
        { field: '--vault-address' },
      )
    }
    chunks.push(chunk)
  }
  const text = Buffer.concat(chunks).toString('utf8')
  if (text === '') return undefined
  try {
    return JSON.parse(text) as unknown
  } catch {
    throw new WeftError(
      'issuer.unavailable',
      "what answers speaks no JSON: see whether that address is Vault's",
      {
        field: '--vault-address',
      },
    )
  }
}

function readSecretFile(path: string, flag: string, what: string): string {
  let text: string
  try {
    text = readFileSync(path, 'utf8').trim()
  } catch (error) {
    throw new WeftError('issuer.unavailable', `${what} cannot be read: ${describeError(error)}`, {
      field: flag,
    })
  }
  if (text === '')
    throw new WeftError('issuer.unavailable', `${path} is empty: ${what} must stand in it`, { field: flag })
  return text
}
