import { createHash, timingSafeEqual } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { WeftError } from '../../../core/errors.ts'

/** What a request says of who it is for, in fields that an authenticating proxy sets (oauth2-proxy, Pomerium); each as often as it came. */
export interface ProxyFields {
  /** PROXY_SECRET_HEADER */
  readonly secret: readonly string[]
  /** `X-Forwarded-User` */
  readonly user: readonly string[]
  /** `X-Forwarded-Groups`: names between commas. */
  readonly groups: readonly string[]
  /** `X-Forwarded-Access-Token` */
  readonly accessToken: readonly string[]
}

/** Who it is, as the proxy says: by name, or by a token for the API server. */
export type ProxiedUser =
  | { readonly kind: 'user'; readonly username: string; readonly groups: readonly string[] }
  | { readonly kind: 'token'; readonly token: string }

export interface ProxiedUsersOptions {
  /** Secrets that the proxy proves itself by, one a line; read anew each time, so that they can be changed. */
  readonly secretFile: string
  /** Put before each user's and group's name, so that none of them is one of the cluster's own. */
  readonly prefix: string
}

export const SHORTEST_SECRET = 32
const LONGEST_NAME = 256
const MOST_GROUPS = 256
/** Of the cluster's own users and groups: nobody else may call somebody so. */
const RESERVED = 'system:'
const AUTHENTICATED = 'system:authenticated'

/**
 * Whom a proxy names that shows the secret; undefined: no secret was shown, and then what the fields say is nobody's word. Throws WeftError
 * `access.token` where the secret is wrong, or the proxy names nobody who could be.
 */
export function proxiedUser(fields: ProxyFields, options: ProxiedUsersOptions): ProxiedUser | undefined {
  if (fields.secret.length === 0) return undefined
  const shown = only('secret', fields.secret) ?? ''
  if (!secretsOf(options.secretFile).some((secret) => sameSecret(secret, shown)))
    throw refused('the secret of the proxy before it is not the one that is asked for')
  const user = only('X-Forwarded-User', fields.user)
  if (user !== undefined && user !== '') {
    const groups = (only('X-Forwarded-Groups', fields.groups) ?? '')
      .split(',')
      .map((group) => group.trim())
      .filter((group) => group !== '')
    if (groups.length > MOST_GROUPS) throw refused(`the user is in more than ${MOST_GROUPS} groups`)
    const username = nameOf(options.prefix, user)
    if (username.startsWith(RESERVED)) throw refused(`the proxy names a user of the cluster's own`)
    const own = groups.map((group) => nameOf(options.prefix, group))
    return {
      kind: 'user',
      username,
      groups: [...own.filter((group) => !group.startsWith(RESERVED)), AUTHENTICATED],
    }
  }
  const token = only('X-Forwarded-Access-Token', fields.accessToken)
  if (token !== undefined && token !== '') return { kind: 'token', token }
  throw refused('the proxy names no user (X-Forwarded-User), and passes no token (X-Forwarded-Access-Token)')
}

/** Throws WeftError `access.token` for a file that can't be read, or has a secret that is too short to be one. */
export function secretsOf(file: string): readonly string[] {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    throw refused('the secret of the proxy before it cannot be read here')
  }
  const secrets = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
  if (secrets.length > 0 && secrets.every(({ length }) => length >= SHORTEST_SECRET)) return secrets
  throw refused(`the secret of the proxy before it must have ${SHORTEST_SECRET} characters or more`)
}

/** A caller's own field beside the proxy's must not be taken for it, nor be added to it. */
function only(name: string, values: readonly string[]): string | undefined {
  if (values.length > 1) throw refused(`${name} came ${values.length} times`)
  return values[0]
}

/** Node.js reads fields byte by byte; names are UTF-8. */
function nameOf(prefix: string, value: string): string {
  let name: string
  try {
    name = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(value, 'latin1'))
  } catch {
    throw refused('a name that the proxy says is no UTF-8')
  }
  if (name.length > LONGEST_NAME || /\p{Cc}/u.test(name))
    throw refused(
      `a name that the proxy says has more than ${LONGEST_NAME} characters, or such as do not print`,
    )
  return `${prefix}${name}`
}

function sameSecret(secret: string, shown: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(secret), digest(shown))
}

function refused(message: string): WeftError {
  return new WeftError('access.token', message)
}
