import type { Fields } from '../fields.ts'
import { HEADER_NAME } from './header-name.ts'
import { METHODS } from './http-method.ts'
import type { CorsFilter } from './route.ts'

/** Seconds that a preflight's answer holds where the filter does not say. */
const DEFAULT_MAX_AGE = 5
const MOST_MAX_AGE = 2 ** 31 - 1
const ANY = '*'

const ORIGIN = {
  pattern: /^(?:\*|https?:\/\/(?:(?:\*\.)?(?:[A-Za-z0-9-]+\.)*[A-Za-z0-9-]+|\*)(?::[0-9]{1,5})?)$/,
  is: '"*" or an origin such as https://shop.example, https://*.shop.example or http://shop.example:8080',
}
const METHOD = {
  pattern: new RegExp(`^(?:\\*|${METHODS.join('|')})$`),
  is: `"*" or one of ${METHODS.join(', ')}`,
}

/** `cors` of a filter of type CORS (gateway.networking.k8s.io/v1 HTTPCORSFilter). */
export function readCors(cors: Fields): CorsFilter {
  const result = {
    allowOrigins: readList(cors, 'allowOrigins', 64, ORIGIN),
    allowMethods: readList(cors, 'allowMethods', 9, METHOD),
    allowHeaders: readList(cors, 'allowHeaders', 64, HEADER_NAME),
    exposeHeaders: readList(cors, 'exposeHeaders', 64, HEADER_NAME),
    maxAge: cors.integer('maxAge', 1, MOST_MAX_AGE) ?? DEFAULT_MAX_AGE,
    allowCredentials: cors.boolean('allowCredentials') ?? false,
  }
  cors.refuseUnknown()
  return result
}

function readList(
  cors: Fields,
  name: string,
  most: number,
  check: { readonly pattern: RegExp; readonly is: string },
): readonly string[] {
  const values = cors.texts(name)
  if (values.length > most) cors.problem(`holds ${values.length} values, and may hold ${most}`, name)
  if (values.length > 1 && values.includes(ANY)) cors.problem('holds "*", which must stand alone', name)
  for (const [index, value] of values.entries()) {
    if (!check.pattern.test(value))
      cors.problem(`must be ${check.is}, got ${JSON.stringify(value)}`, name, index)
    else if (name === 'allowOrigins' && Number(/:(\d+)$/.exec(value)?.[1] ?? 1) > 65535)
      cors.problem('names a port above 65535', name, index)
  }
  return values
}
