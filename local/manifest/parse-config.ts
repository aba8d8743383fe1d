import { Fields, invalid } from './fields.ts'
import type { ConfigObject } from './objects.ts'

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/

/** `data` and `binaryData` of a ConfigMap. Source: Kubernetes API v1, ConfigMap. */
export function parseConfigMap(fields: Fields): ConfigObject['data'] {
  return { ...decoded(fields, 'binaryData'), ...fields.textMap('data') }
}

/** `data` and `stringData` of a Secret, which wins. Errors name a key, never what it holds. Source: API v1, Secret. */
export function parseSecret(fields: Fields): ConfigObject['data'] {
  return { ...decoded(fields, 'data'), ...fields.textMap('stringData') }
}

function decoded(fields: Fields, name: string): Record<string, Buffer> {
  const child = fields.child(name)
  return Object.fromEntries(
    Object.entries(fields.textMap(name)).map(([key, value]) => {
      const plain = value.replaceAll(/\s/g, '')
      if (!BASE64.test(plain)) {
        const remedy = name === 'data' ? ' (plain text goes to stringData)' : ''
        throw invalid(child?.at(key) ?? name, `must be base64${remedy}`)
      }
      return [key, Buffer.from(plain, 'base64')]
    }),
  )
}
