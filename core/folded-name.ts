const PLAIN_NAME = /^[a-z0-9-]+$/

/** A field's name as CGI and its kin read it: in lower case, and whatever is neither letter nor digit is `-` (RFC 3875 section 4.1.18). */
export function foldedName(name: string): string {
  return PLAIN_NAME.test(name) ? name : name.toLowerCase().replace(/[^a-z0-9]/g, '-')
}

/** Whether a field is of another name than `name`, which is lower-case, and is read as that one behind CGI. */
export function isLookalike(field: string, name: string): boolean {
  return field.length === name.length && field !== name && foldedName(field) === foldedName(name)
}
