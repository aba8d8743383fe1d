import { SUBSET, type FieldRule, type MessageRule } from '../subset.ts'

/** A row ends a section when it begins the next. */
const SECTIONS: readonly (readonly [title: string, firstMessage: string])[] = [
  ['The file', 'Bootstrap'],
  ['Listeners', 'Listener'],
  ['TLS', 'TransportSocket'],
  ['Routes', 'RouteConfiguration'],
  ['Clusters', 'Cluster'],
]

/** The tables of docs/bootstrap.md. */
export function renderSubset(): string {
  const lines: string[] = []
  for (const rule of SUBSET.values()) {
    const name = shortName(rule)
    const section = SECTIONS.find(([, first]) => first === name)
    if (section) {
      if (lines.length > 0) lines.push('')
      lines.push(`### ${section[0]}`, '', '| message | fields |', '| --- | --- |')
    }
    lines.push(`| \`${name}\` | ${renderFields(rule)} |`)
  }
  return lines.join('\n')
}

/** `Cluster.EdsClusterConfig`; two messages are called HttpProtocolOptions. */
function shortName({ type }: MessageRule): string {
  const parts = type.typeName.split('.')
  const short = parts.slice(parts.findIndex((part) => /^[A-Z]/.test(part))).join('.')
  return type.typeName.includes('.upstreams.') ? `upstreams.http.v3.${short}` : short
}

function renderFields({ fields, required }: MessageRule): string {
  if (fields.size === 0) return '`{}`'
  return [...fields]
    .map(([name, rule]) => (required.includes(name) ? `**\`${name}\`**` : `\`${name}\``) + renderRule(rule))
    .join(', ')
}

function renderRule({ values, only, types }: FieldRule): string {
  if (only?.length === 0) return ' (`{}`)'
  const names = values ?? only ?? types?.map(({ typeName }) => typeName.slice(typeName.lastIndexOf('.') + 1))
  return names ? ` (${names.map((name) => `\`${name}\``).join(', ')})` : ''
}
