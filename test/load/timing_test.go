package main

import (
	"slices"
	"testing"
)

func TestAUC(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		a, b []float64
		want float64
	}{
		"always above":        {[]float64{5, 6}, []float64{1, 2, 3}, 1},
		"always below":        {[]float64{1, 2}, []float64{3, 4, 5}, 0},
		"the same":            {[]float64{1, 2, 2, 3}, []float64{1, 2, 2, 3}, 0.5},
		"equal ones are half": {[]float64{2}, []float64{1, 2, 2, 3}, 0.5},
		"six pairs of eight":  {[]float64{2, 4}, []float64{1, 3, 0, 3}, 0.75},
	} {
		if got := auc(test.a, test.b); got != test.want {
			t.Errorf("%s: got %v, want %v", name, got, test.want)
		}
	}
}

func TestShuffle_keeps_everything(t *testing.T) {
	t.Parallel()
	want := make([]int, 100)
	for i := range want {
		want[i] = i
	}
	got := slices.Clone(want)
	shuffle(got)
	if slices.Equal(got, want) {
		t.Error("a hundred numbers are in the order that they were in")
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want every number once", got)
	}
}
