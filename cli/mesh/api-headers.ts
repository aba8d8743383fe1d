import { API_CLIENT_HEADER, API_TOKEN_HEADER } from '../../core/contract.ts'

/** Holds the token that a control plane is shown which asks for one (`--http-auth kubernetes`). */
export const TOKEN_VARIABLE = 'WEFT_TOKEN'

/** Of what is asked of a control plane. The token of a kubeconfig is never shown: it opens more than this. */
export function apiHeaders(
  env: Readonly<Record<string, string | undefined>> = process.env,
): Readonly<Record<string, string>> {
  const token = env[TOKEN_VARIABLE]?.trim() ?? ''
  return { [API_CLIENT_HEADER]: 'weft', ...(token !== '' && { [API_TOKEN_HEADER]: `Bearer ${token}` }) }
}
