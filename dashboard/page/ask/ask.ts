import { signal } from '@preact/signals'

const PATIENCE_MS = 5000

/** How the control plane answered. `missing`: there is no such thing, or no such page; `away`: nobody answered. */
export type Reply<T> =
  | { readonly kind: 'here'; readonly value: T }
  | { readonly kind: 'missing'; readonly code: string; readonly message: string }
  | { readonly kind: 'refused'; readonly status: number; readonly message: string }
  | { readonly kind: 'away'; readonly message: string }

/**
 * A bearer token, where the control plane asks for one. Kept as long as this tab is open and sent to where the page came from
 * alone.
 */
export const token = signal('')
/** The last answer was that a token is needed. */
export const tokenWanted = signal(false)

/** Header that no other site can set without being asked first; what acts needs it. */
export const OWN_HEADERS: Readonly<Record<string, string>> = { 'x-weft-client': 'dashboard' }

export function headers(): Record<string, string> {
  return token.value === '' ? { ...OWN_HEADERS } : { ...OWN_HEADERS, authorization: `Bearer ${token.value}` }
}

/** Asks a page; never throws. */
export async function ask<T>(path: string, init: RequestInit = {}, signal?: AbortSignal): Promise<Reply<T>> {
  const patience = AbortSignal.timeout(PATIENCE_MS)
  try {
    const response = await fetch(path, {
      ...init,
      headers: { ...headers(), ...(init.headers as Record<string, string> | undefined) },
      signal: signal ? AbortSignal.any([signal, patience]) : patience,
    })
    tokenWanted.value = response.status === 401
    if (response.ok) return { kind: 'here', value: (await response.json()) as T }
    return await failed(response)
  } catch (error) {
    return { kind: 'away', message: error instanceof Error ? error.message : String(error) }
  }
}

/** What an answer that is none says: `{ error: { code, message } }`, or nothing that can be read. */
export async function failed(response: Response): Promise<Exclude<Reply<never>, { kind: 'here' }>> {
  const said = (await response.json().catch(() => ({}))) as {
    readonly error?: { readonly code?: unknown; readonly message?: unknown }
  }
  const code = typeof said.error?.code === 'string' ? said.error.code : ''
  const message = typeof said.error?.message === 'string' ? said.error.message : `answered ${response.status}`
  if (response.status === 404) return { kind: 'missing', code, message }
  if (response.status >= 500) return { kind: 'away', message }
  return { kind: 'refused', status: response.status, message }
}
