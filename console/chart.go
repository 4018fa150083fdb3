package console

import (
	"fmt"
	"strings"

	"signalbox/history"
)

// chart is a line over the last hour, and its figures.
type chart struct {
	Title, Tone string
	Last        float64
	// Points are those of each minute, the latest last.
	Points []float64
}

// The drawing of a chart: it is stretched to the room that there is.
const (
	chartWidth  = 240
	chartHeight = 40
	chartPoints = 60
)

// add adds a series to the sum.
func (c *chart) add(s history.Series) {
	c.Last += s.Last
	if more := len(s.Points) - len(c.Points); more > 0 {
		c.Points = append(make([]float64, more), c.Points...)
	}
	for i, p := range s.Points {
		c.Points[len(c.Points)-len(s.Points)+i] += p
	}
}

// Max returns the highest point.
func (c chart) Max() (most float64) {
	for _, p := range c.Points {
		most = max(most, p)
	}
	return most
}

// Line is the path of the chart; Area is the same down to the axis.
func (c chart) Line() string {
	if len(c.Points) == 0 {
		return ""
	}
	points := c.Points
	if len(points) == 1 {
		points = []float64{points[0], points[0]}
	}
	most, step := max(c.Max(), 1e-9), float64(chartWidth)/(chartPoints-1)
	var path strings.Builder
	for i, p := range points {
		x := chartWidth - step*float64(len(points)-1-i)
		fmt.Fprintf(&path, "%c%.1f %.1f", "ML"[min(i, 1)], x, 1+(chartHeight-2)*(1-p/most))
	}
	return path.String()
}

// Area is the path of what lies below the line.
func (c chart) Area() string {
	if len(c.Points) == 0 {
		return ""
	}
	begin := chartWidth - float64(chartWidth)/(chartPoints-1)*float64(max(len(c.Points)-1, 1))
	return c.Line() + fmt.Sprintf("L%d %dL%.1f %dZ", chartWidth, chartHeight, begin, chartHeight)
}

// Table are the points of each ten minutes, the latest first, for who does not see the line.
func (c chart) Table() (rows []chartRow) {
	for end := len(c.Points); end > 0; end -= 10 {
		most := 0.0
		for _, p := range c.Points[max(0, end-10):end] {
			most = max(most, p)
		}
		rows = append(rows, chartRow{len(c.Points) - end, most})
	}
	return rows
}

// chartRow is the highest point of ten minutes that end Ago minutes before now.
type chartRow struct {
	Ago int
	Max float64
}
