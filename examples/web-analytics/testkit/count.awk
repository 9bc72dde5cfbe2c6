# Counts an access log without Millrace: a line per figure, "day<TAB>what<TAB>figure", and the sizes of answers.
# Fields are found by splitting at quotes, not by a grammar: no line of the log has an escaped quote in it.
function is_request() {
  if (n != 7 || q[7] != "") return 0
  if (q[1] !~ /^[^ ]+ [^ ]+ [^ ]+ \[[0-3][0-9]\/(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\/[0-9][0-9][0-9][0-9]:[0-2][0-9]:[0-5][0-9]:[0-5][0-9] \+0000\] $/) return 0
  return q[3] ~ /^ [1-5][0-9][0-9] ([0-9]+|-) $/
}
function count_visitor(what, ip) {
  if ((day, what, ip) in seen) return
  seen[day, what, ip] = 1
  figures[day "\t" what]++
}
{
  n = split($0, q, "\"")
  if (!is_request()) { broken++; next }
  split(q[1], head, " "); split(q[2], request, " "); split(q[3], answer, " ")
  ip = head[1]; day = substr(head[4], 2, 11); bytes = answer[2] == "-" ? 0 : answer[2]
  who = q[6] == "-" || tolower(q[6]) ~ /bot|crawl|spider|slurp|feed|rss|fetch|preview|reader|scout|curl|wget|python|perl|ruby|java\/|https?:/ ? "bot" : "people"
  figures[day "\trequests"]++
  figures[day "\t" who "Requests"]++
  figures[day "\t" substr(answer[1], 1, 1) "xx"]++
  if (answer[1] == 404) figures[day "\tnotFound"]++
  figures[day "\tbytes"] += bytes
  count_visitor("visitors", ip)
  count_visitor(who "Visitors", ip)
  if (answer[2] != "-") print day "\tsize\t" bytes

  page = request[2]; sub(/\?.*/, "", page)
  figures[day "\tpage " page " views"]++
  figures[day "\tpage " page " bytes"] += bytes
  count_visitor("page " page " visitors", ip)

  if (tolower(q[4]) ~ /^https?:\/\//) {
    host = tolower(q[4]); sub(/^https?:\/\//, "", host); sub(/[\/?#].*/, "", host)
    if (host != "semicomplete.com" && host != "www.semicomplete.com") {
      figures[day "\treferrer " host " views"]++
      count_visitor("referrer " host " visitors", ip)
    }
  }
}
END {
  for (what in figures) printf "%s\t%.0f\n", what, figures[what]
  printf "all\tbroken\t%d\n", broken
}
