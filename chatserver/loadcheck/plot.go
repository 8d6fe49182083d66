package loadcheck

import (
	"cmp"
	"fmt"
	"html"
	"slices"
	"strings"
	"time"
)

// The plot's size and margins, in pixels.
const (
	plotWidth, plotHeight = 1000, 360
	plotLeft, plotBottom  = 60, 40
	plotTop, plotRight    = 70, 20
)

// Plot draws accepted posts per second over time as SVG: outages as red areas, marks as labelled lines.
func (r *Report) Plot() []byte {
	seconds := int(r.Duration/time.Second) + 1
	counts := make([]int, seconds)
	for _, t := range r.acks {
		if s := int(t / time.Second); s < seconds {
			counts[s]++
		}
	}
	top := max(1, slices.Max(counts)*11/10)
	x := func(t time.Duration) float64 {
		return plotLeft + (plotWidth-plotLeft-plotRight)*t.Seconds()/max(r.Duration.Seconds(), 1)
	}
	y := func(n int) float64 {
		return plotHeight - plotBottom - (plotHeight-plotBottom-plotTop)*float64(n)/float64(top)
	}
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="12">`, plotWidth, plotHeight)
	p(`<rect width="100%%" height="100%%" fill="white"/>`)
	p(`<text x="%d" y="16" font-size="14">%s</text>`, plotLeft, html.EscapeString(fmt.Sprintf(
		"accepted posts per second: %d posts, %d violations, longest pause %s", r.Accepted, len(r.Found), short(r.LongestPause.For))))
	for _, o := range r.Outages {
		p(`<rect x="%.1f" y="%d" width="%.1f" height="%d" fill="#f4b6b6"/>`, x(o.From), plotTop, x(o.From+o.For)-x(o.From), plotHeight-plotBottom-plotTop)
	}
	for _, n := range []int{0, top / 2, top} {
		p(`<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="#ddd"/><text x="%d" y="%.1f" text-anchor="end">%d</text>`, plotLeft, plotWidth-plotRight, y(n), y(n), plotLeft-6, y(n)+4, n)
	}
	step := cmp.Or(seconds/10, 1)
	for s := 0; s < seconds; s += step {
		p(`<text x="%.1f" y="%d" text-anchor="middle">%d s</text>`, x(time.Duration(s)*time.Second), plotHeight-plotBottom+18, s)
	}
	points := make([]string, 0, 2*seconds)
	for s, n := range counts {
		from, to := time.Duration(s)*time.Second, min(time.Duration(s+1)*time.Second, r.Duration)
		points = append(points, fmt.Sprintf("%.1f,%.1f %.1f,%.1f", x(from), y(n), x(to), y(n)))
	}
	p(`<polyline points="%s" fill="none" stroke="#1f6feb" stroke-width="1.5"/>`, strings.Join(points, " "))
	for i, m := range r.Marks {
		p(`<line x1="%.1f" x2="%.1f" y1="%d" y2="%d" stroke="#b00" stroke-dasharray="4 3"/>`, x(m.At), x(m.At), plotTop-8, plotHeight-plotBottom)
		p(`<text x="%.1f" y="%d" fill="#b00">%s</text>`, x(m.At)+3, 34+i%3*14, html.EscapeString(m.Text))
	}
	p(`</svg>`)
	return []byte(b.String())
}
