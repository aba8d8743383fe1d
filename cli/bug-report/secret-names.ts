/** Words that name a secret, once `-`, `_`, `.` and blanks are out of the name. */
const SECRET =
  /authorization|cookie|passw|passphrase|secret|token|apikey|accesskey|privatekey|signingkey|encryptionkey|accountkey|sharedkey|authkey|masterkey|credential|signature|sessionid|sessionkey|connectionstring|dsn$|^pwd$|^auth$|^jwt$|^bearer$|^otp$|^pin$/
/** Ends of names that only say where a secret is, or how it is treated. */
const ABOUT_ONE =
  /(name|names|path|file|dir|directory|audience|audiences|ref|type|mode|kind|url|uri|endpoint|issuer|namespace|seconds|expiry|version|count|header|headers|algorithm)$/

/** Whether what bears this name is a secret: a field, a variable, a header, a flag. `secretName` and `--token-file` are none. */
export function namesSecret(name: string): boolean {
  if (name.length > 200) return false
  const plain = name.toLowerCase().replaceAll(/[-_.\s]/g, '')
  return SECRET.test(plain) && !ABOUT_ONE.test(plain)
}
