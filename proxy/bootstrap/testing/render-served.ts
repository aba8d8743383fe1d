import { SECTIONS } from '../../../core/xds/served/index.ts'
import type { FieldRow, Fields } from '../../../core/xds/served/table.ts'

/** The tables of docs/bootstrap.md. */
export function renderServed(): string {
  return SECTIONS.map(([title, messages]) => {
    const rows = Object.entries(messages)
      .filter(([name]) => !NARROWED.has(name))
      .map(([name, fields]) => `| \`${shortName(name)}\` | ${renderFields(fields)} |`)
    return [`### ${title}`, '', '| message | fields |', '| --- | --- |', ...rows].join('\n')
  }).join('\n\n')
}

/** Messages whose fields stand where they are used, and nowhere else. */
const NARROWED: ReadonlySet<string> = new Set([
  'envoy.config.core.v3.Metadata',
  'envoy.config.core.v3.TransportSocket',
  'envoy.extensions.transport_sockets.tls.v3.SdsSecretConfig',
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
