import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { markdownTable, withWritten } from '../../core/document.ts'
import { SECTIONS } from '../../core/xds/served/index.ts'
import type { FieldRow, Fields } from '../../core/xds/served/table.ts'

/** The page whose tables this module writes. */
export const BOOTSTRAP_PAGE = fileURLToPath(new URL('../../docs/bootstrap.md', import.meta.url))

const COMMAND = 'node proxy/bootstrap/served-page.ts'

/** `page` with the table of what is served between its two marks. */
export function withServed(page: string): string {
  const sections = SECTIONS.map(([title, messages]) => {
    const rows = Object.entries(messages)
      .filter(([name]) => !NARROWED.has(name))
      .map(([name, fields]) => [`\`${shortName(name)}\``, renderFields(fields)])
    return `### ${title}\n\n${markdownTable([['message', 'fields'], ...rows])}`
  })
  return withWritten(page, COMMAND, sections.join('\n'))
}

/** Messages whose fields stand where they are used, and nowhere else. */
const NARROWED: ReadonlySet<string> = new Set([
  'envoy.config.core.v3.Metadata',
  'envoy.config.core.v3.TransportSocket',
  'envoy.extensions.filters.http.jwt_authn.v3.JwtRequirement',
  'envoy.extensions.transport_sockets.tls.v3.SdsSecretConfig',
  'google.protobuf.Empty',
])

/** `Cluster.EdsClusterConfig`; two messages are called HttpProtocolOptions. */
function shortName(fullName: string): string {
  const parts = fullName.split('.')
  const short = parts.slice(parts.findIndex((part) => /^[A-Z]/.test(part))).join('.')
  return fullName.includes('.upstreams.') ? `upstreams.http.v3.${short}` : short
}

function renderFields(fields: Fields): string {
  const rows = Object.entries(fields)
  if (rows.length === 0) return '`{}`'
  return rows
    .map(([name, row]) => (row.required ? `**\`${name}\`**` : `\`${name}\``) + renderRow(row))
    .join(', ')
}

function renderRow({ source, values, keys, types, within }: FieldRow): string {
  const said: string[] = []
  if (source) said.push(source === 'bootstrap' ? 'in files only' : 'by ADS only')
  if (values) said.push(quoted(values))
  if (types) said.push(quoted(types.map((name) => name.slice(name.lastIndexOf('.') + 1))))
  else if (keys) said.push(Object.entries(keys).map(renderKey).join(', '))
  if (within) said.push(renderFields(within))
  return said.length === 0 ? '' : ` (${said.join('; ')})`
}

function renderKey([key, inside]: [string, readonly string[] | 'any']): string {
  return inside === 'any' ? `\`${key}\`` : `\`${key}\`: ${quoted(inside)}`
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `\`${name}\``).join(', ')
}

if (import.meta.main) writeFileSync(BOOTSTRAP_PAGE, withServed(readFileSync(BOOTSTRAP_PAGE, 'utf8')))
