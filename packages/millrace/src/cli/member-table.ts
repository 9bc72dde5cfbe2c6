import type { TopicPartition } from '../log/log.ts'
import { count, table } from './format.ts'
import type { GroupFigures, MemberFigures } from './group-figures.ts'

/** The members of a group, with what code they run where that is not the same for all. */
export function memberTable({ members, positions }: GroupFigures, paint: (text: string) => string): string {
  const lagOf = new Map(positions.map(each => [placeOf(each), each.lag]))
  const codes = members.map(codeText)
  const doDiffer = new Set(codes).size > 1
  const rows = members.map(({ memberId, instanceId, host, pid, assignment }, i) => [
    instanceId ?? memberId,
    pid < 0 ? host : `${host}:${pid}`,
    ...(doDiffer ? [codes[i]!] : []),
    assignmentText(assignment),
    count(assignment.reduce((sum, each) => sum + (lagOf.get(placeOf(each)) ?? 0), 0)),
  ])
  const titles = [
    { title: 'MEMBER' },
    { title: 'PROCESS' },
    ...(doDiffer ? [{ title: 'CODE' }] : []),
    { title: 'PARTITIONS' },
    { title: 'LAG', align: 'right' } as const,
  ]
  return table(titles, rows, paint)
}

/** `1.4.0, Millrace 0.1.0, older in views`. */
function codeText({ code, millrace, olderIn }: MemberFigures): string {
  const parts = [
    code ?? '-',
    ...(millrace === undefined ? [] : [`Millrace ${millrace}`]),
    ...(olderIn.length === 0 ? [] : [`older in ${olderIn.join(' ')}`]),
  ]
  return parts.join(', ')
}

/** What a group's operator has to know and to do about partitions that nobody may have. */
export function barredText(barred: readonly TopicPartition[]): string {
  return (
    `No member may have ${assignmentText(barred)}: newer code than theirs has had them.\n` +
    'Start the newer code, or go back with millrace run --rollback'
  )
}

const placeOf = ({ topic, partition }: TopicPartition) => `${topic}/${partition}`

/** `views/0,1,4 clicks/0`. */
function assignmentText(assignment: readonly TopicPartition[]): string {
  const byTopic = Map.groupBy(assignment, ({ topic }) => topic)
  const parts = [...byTopic].map(([topic, each]) => {
    const numbers = each.map(({ partition }) => partition).sort((a, b) => a - b)
    return `${topic}/${numbers.join(',')}`
  })
  return parts.join(' ') || '-'
}
