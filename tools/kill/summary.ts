import type { CampaignResult } from './campaign.ts'
import { quantiles } from './quantiles.ts'

/** A storm as a table in Markdown. */
export function summary({
  nemesis,
  weather,
  disk,
  recovery,
  firstCommitsMs,
  records,
  workers,
  verdicts,
  problems,
  seconds,
}: CampaignResult): string {
  const points = [...nemesis.pointKills].map(([point, count]) => `${point} ${count}`)
  const isGood = problems.length === 0 && verdicts.every(verdict => verdict.isGood)
  const rows: [string, string][] = [
    ['records in', `${records}, in ${seconds} s, by ${workers} processes one after the other`],
    [
      'killed from outside',
      `${nemesis.kills}, of them ${nemesis.counted} with a commit behind them and uncommitted records in hand`,
    ],
    [
      'killed at a named point',
      `${[...nemesis.pointKills.values()].reduce((sum, count) => sum + count, 0)}: ${points.join(', ')}`,
    ],
    [
      'frozen for longer than the session',
      `${nemesis.frozen}, of them ${nemesis.fenced} refused when they went on`,
    ],
    ['stopped', `${nemesis.stopped}`],
    ...[...(weather?.struck ?? []), ...disk.struck].map(([name, count]): [string, string] => [
      name,
      `${count}`,
    ]),
    ['damaged copies of state that were noticed and not used', `${disk.noticed}`],
    ['from a kill to the next commit of all partitions of the dead', String(recovery)],
    ['from the start of a process to its first commit', quantiles(firstCommitsMs, 'none')],
    ...verdicts.map((verdict): [string, string] => [
      verdict.output,
      verdict.isGood ? `${verdict.expected}, exact` : String(verdict),
    ]),
    [
      'verdict',
      isGood
        ? 'nothing lost, nothing twice, order kept, no open transaction'
        : `wrong: ${problems.join('; ')}`,
    ],
  ]
  return ['| | |', '|---|---|', ...rows.map(([what, how]) => `| ${what} | ${how} |`)].join('\n')
}
