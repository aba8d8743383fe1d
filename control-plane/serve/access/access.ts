import type { ProxyFields } from './proxied-user.ts'

/** What may be done by the REST pages: read them, move Canaries, listen to requests as they happen. */
export type AccessVerb = 'view' | 'act' | 'tap'

/** Who asks, as far as the connection and the head of its request say. */
export interface Asking {
  /** Value of `Authorization`, or of API_TOKEN_HEADER where a proxy on the way takes that for itself. */
  readonly authorization: string | undefined
  /** Of the other end of the connection. */
  readonly address: string
  /** Somebody else's proxy says that it passes the request on. */
  readonly forwarded: boolean
  /** Whom a proxy names, or somebody who makes believe to be one; left out: nobody does. */
  readonly proxy?: ProxyFields | undefined
}

export interface Admitted {
  /** As it is written in the log. */
  readonly name: string
  /**
   * It is known who asks: by a token, or somebody on the machine of a mesh that is there alone. Nobody else sees header fields of
   * requests.
   */
  readonly known: boolean
  /** In a namespace, or in all of them. Throws WeftError `access.unavailable`. */
  may(verb: AccessVerb, namespace?: string): Promise<boolean>
}

/** Who may see the REST pages, and act by them. */
export interface Access {
  /** Throws WeftError `access.token` where nobody can be told by what was shown, `access.unavailable` where that can't be checked now. */
  admit(asking: Asking): Promise<Admitted>
  /** Whether it is another replica of this control plane that asks. Throws as `admit` does. */
  isReplica(asking: Asking): Promise<boolean>
  /** `Authorization` of what this replica asks others; undefined: it shows nothing. */
  replicaAuthorization(): string | undefined
}

/** What a caller may do in every namespace, as `/api/mesh` says it, for pages to show what is of use. */
export interface May {
  readonly act: boolean
  readonly tap: boolean
  /** With header fields. */
  readonly headers: boolean
}

export async function mayOf(admitted: Admitted): Promise<May> {
  const [act, tap] = await Promise.all([admitted.may('act'), admitted.may('tap')])
  return { act, tap, headers: tap && admitted.known }
}
