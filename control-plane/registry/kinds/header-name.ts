import type { TextCheck } from '../fields.ts'

export const HEADER_NAME: TextCheck = {
  pattern: /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}$/,
  is: 'an HTTP field name',
}
