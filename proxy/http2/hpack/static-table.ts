/** The static table, RFC 7541 appendix A: name, value, from index 1 on. */
const TABLE = `:authority
:method|GET
:method|POST
:path|/
:path|/index.html
:scheme|http
:scheme|https
:status|200
:status|204
:status|206
:status|304
:status|400
:status|404
:status|500
accept-charset
accept-encoding|gzip, deflate
accept-language
accept-ranges
accept
access-control-allow-origin
age
allow
authorization
cache-control
content-disposition
content-encoding
content-language
content-length
content-location
content-range
content-type
cookie
date
etag
expect
expires
from
host
if-match
if-modified-since
if-none-match
if-range
if-unmodified-since
last-modified
link
location
max-forwards
proxy-authenticate
proxy-authorization
range
referer
refresh
retry-after
server
set-cookie
strict-transport-security
transfer-encoding
user-agent
vary
via
www-authenticate`

export const STATIC_NAMES: string[] = ['']
export const STATIC_VALUES: string[] = ['']
for (const line of TABLE.split('\n')) {
  const bar = line.indexOf('|')
  STATIC_NAMES.push(bar < 0 ? line : line.slice(0, bar))
  STATIC_VALUES.push(bar < 0 ? '' : line.slice(bar + 1))
}

/** Entries of the static table; the dynamic one starts after it. */
export const STATIC_COUNT = STATIC_NAMES.length - 1
