/** What a peer sent that is no HTTP/1.1, and the status that says so (RFC 9112 sections 2.2, 3, 6.3; RFC 6585). */
export class BadMessage extends Error {
  readonly status: number

  constructor(message: string, status = 400) {
    super(message)
    this.status = status
  }
}
