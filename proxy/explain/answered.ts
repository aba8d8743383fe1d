import { composeReply, type LocalReply } from '../exchange/reply.ts'
import type { RequestHead } from '../http/message.ts'
import { ResponseFlag } from '../model/response-flag.ts'
import type { Draft } from '../../core/explain/draft.ts'

/** Answers with these flags are refusals. */
const REFUSALS = ResponseFlag.UAEX | ResponseFlag.RL | ResponseFlag.UO

/** The mesh answers by itself. */
export function answered(draft: Draft, head: RequestHead, flags: number, reply: LocalReply): null {
  draft.outcome = (flags & REFUSALS) !== 0 ? 'refused' : 'answered'
  draft.status = composeReply(head, reply).head.status
  draft.details = reply.details
  if (reply.text !== '') draft.notes.push(reply.text.replace(/, reference \w+\n$/, ''))
  return null
}
