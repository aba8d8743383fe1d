import type { Messages } from './table.ts'

/**
 * The HTTP filters: each message that HttpFilter.typed_config may hold, with its rows, and the messages that these
 * are made of.
 */
export const HTTP_FILTERS: { readonly types: Messages; readonly parts: Messages } = {
  types: { 'envoy.extensions.filters.http.router.v3.Router': {} },
  parts: {},
}
