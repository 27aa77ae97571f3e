package portal

import (
	"net/http"
	"slices"
	"strings"

	"staffkey"
	"staffkey/internal/policy"
)

// handler answers one request or returns why not.
type handler func(*request) error

// requirement says who may use a route at all. What they may do there, the operation asks.
type requirement func(*request) error

// anyone may use the route.
func anyone(*request) error { return nil }

// person needs a live session.
func person(r *request) error {
	if !r.signedIn {
		return errSignedOut
	}
	return nil
}

// settled needs a live session of somebody who has set up what policy asks for, or may still put it off (F46). Whatever sets it up, or
// leads out, needs a person only.
func settled(r *request) error {
	if err := person(r); err != nil {
		return err
	}
	mine, err := r.p.SignIn.Mine(r.Context(), r.current.Actor)
	if err != nil {
		return err
	}
	if mine.State.Must {
		return errMustSetUp
	}
	if mine.State.Lack != policy.LackNothing && mine.Person.AskedAt.IsZero() {
		return r.p.SignIn.NoteAsked(r.Context(), r.current.Actor)
	}
	return nil
}

// Route is one line of the list, for the tests that walk it.
type Route struct {
	Method, Pattern string
	Needs           string
	// Passive says that a browser asks for it by itself, so that it does not count as use of a session: what a page's script sends with
	// nobody there (when a prompt or the time of a page ends, or when the connection is back), and what belongs to a page. Whatever a
	// script or a template comes to ask for in that way is marked so. Paths that are none of ours never count.
	Passive bool
	// Body is the most bytes that a request may send.
	Body int64
	// Keeps names the fields of its form that go on when the session has ended before it was sent: what people type or choose, and no secret.
	// A name may end in a *.
	Keeps []string
}

// IsKept reports whether a field of the route's form goes on.
func (r Route) IsKept(field string) bool {
	return slices.ContainsFunc(r.Keeps, func(name string) bool {
		begin, any := strings.CutSuffix(name, "*")
		return name == field || any && strings.HasPrefix(field, begin)
	})
}

// property is what a route is besides.
type property func(*Route)

func passive(r *Route) { r.Passive = true }

// keeps lets fields of the route's form go on over a new sign-in.
func keeps(fields ...string) property { return func(r *Route) { r.Keeps = fields } }

// takes lets a route have a larger body than a form. It is read only once it is clear that whoever sends it may use the route at all.
func takes(bytes int64) property { return func(r *Route) { r.Body = bytes } }

// Routes lists every route of the portal with what it needs.
func Routes() []Route {
	var list []Route
	(&Portal{}).each(func(route Route, _ requirement, _ handler) { list = append(list, route) })
	return list
}

// each calls add for every route, with who may and its handler.
func (p *Portal) each(add func(Route, requirement, handler)) {
	of := func(needs string, may requirement) func(method, pattern string, h handler, more ...property) {
		return func(method, pattern string, h handler, more ...property) {
			route := Route{Method: method, Pattern: pattern, Needs: needs, Body: maxForm}
			for _, set := range more {
				set(&route)
			}
			add(route, may, h)
		}
	}
	visitor, signedIn, settledIn, operators := of("anyone", anyone), of("person", person), of("settled", settled), of("operator", operator)

	visitor("GET", "/{$}", p.front)
	visitor("POST", "/theme", p.setTheme)
	visitor("POST", "/language", p.setLanguage)
	visitor("GET", "/problem", p.problem, passive) // where the script goes by itself after an error

	visitor("GET", "/signin", p.signInPage, passive)
	visitor("POST", "/signin", p.signInPassword)
	visitor("GET", "/signin/options", p.passwordlessOptions, passive)
	visitor("POST", "/signin/passwordless", p.signInPasswordless)
	visitor("GET", "/signin/method", p.methodPage)
	visitor("GET", "/signin/key", p.keyPage)
	visitor("GET", "/signin/key/options", p.keyOptions, passive)
	visitor("POST", "/signin/key", p.signInKey)
	visitor("POST", "/signin/outcome", p.signInPromptEnded, passive)
	visitor("GET", "/signin/outcome", p.outcomePage, passive)
	visitor("GET", "/signin/locked", p.lockedPage)
	for _, m := range codeMethods {
		visitor("GET", "/signin/"+m.name, p.codePage)
		visitor("POST", "/signin/"+m.name, p.signInCode)
		signedIn("GET", "/me/confirm/"+m.name, p.confirmCodePage)
		signedIn("POST", "/me/confirm/"+m.name, p.confirmCode)
		if m.sends {
			visitor("POST", "/signin/"+m.name+"/send", p.sendCode)
			signedIn("POST", "/me/confirm/"+m.name+"/send", p.confirmSend)
			signedIn("GET", "/me/mfa/"+m.name, p.numberPage)
			signedIn("POST", "/me/mfa/"+m.name, p.sendToNumber, keeps("number"))
			signedIn("GET", "/me/mfa/"+m.name+"/code", p.numberCodePage)
			signedIn("POST", "/me/mfa/"+m.name+"/code", p.enrolNumber)
			signedIn("POST", "/me/mfa/"+m.name+"/code/again", p.sendToNumberAgain)
		}
		if m.kind != staffkey.MethodPass {
			signedIn("GET", "/me/mfa/"+m.name+"/remove", p.removeMethodPage)
			signedIn("POST", "/me/mfa/"+m.name+"/remove", p.removeMethod)
		}
	}
	visitor("GET", "/signin/reset", p.resetAskPage)
	visitor("POST", "/signin/reset", p.resetAsk)
	visitor("GET", "/signin/reset/sent", p.resetSent)
	visitor("GET", "/reset", p.resetPage)
	visitor("POST", "/reset", p.reset)
	visitor("GET", "/lost", p.lostOutPage)
	visitor("POST", "/lost", p.lostOut)
	visitor("GET", "/lost/token", p.lostTokenPage)
	visitor("POST", "/lost/token", p.lostToken)
	visitor("GET", "/lost/done", p.lostOutDone)
	visitor("GET", "/pin", p.pinHelp)
	visitor("GET", "/not-me", p.notMePage)
	visitor("POST", "/not-me", p.notMe)
	visitor("GET", "/not-me/done", p.notMeDone)
	visitor("POST", "/not-me/undo", p.notMeUndo)
	visitor("GET", "/virtual-desktop", p.virtualDesktop)
	visitor("GET", "/station", p.stationPage)
	visitor("POST", "/station", p.becomeStation)
	visitor("POST", "/switch", p.switchPerson)
	visitor("POST", "/signin/not-you", p.notYou)
	visitor("GET", "/signin/help", p.cannotSignIn)
	visitor("GET", "/unsupported", p.unsupportedPage)
	visitor("POST", "/signout", p.signOut)
	visitor("GET", "/signed-out", p.signedOut)
	visitor("GET", "/session-ended", p.sessionEnded, passive)
	visitor("POST", "/session-ended", p.timeUp, passive)
	signedIn("POST", "/me/stay", p.stay)
	visitor("GET", "/welcome", p.welcomePage)
	visitor("POST", "/welcome", p.welcome)

	visitor("GET", "/setup", p.setUpPage)
	visitor("GET", "/setup/you", p.setUpYouPage)
	visitor("POST", "/setup/you", p.setUpYou)
	signedIn("POST", "/setup/key/skip", p.setUpSkipKey)
	signedIn("GET", "/setup/organisation", p.setUpOrganisationPage)
	signedIn("POST", "/setup/organisation", p.setUpOrganisation, keeps("name", "code"))
	signedIn("GET", "/setup/methods", p.setUpMethodsPage)
	signedIn("POST", "/setup/methods", p.setUpMethods, keeps("preset"))
	signedIn("GET", "/setup/address", p.setUpAddressPage)
	signedIn("POST", "/setup/address", p.setUpAddress)
	signedIn("POST", "/setup/finish", p.setUpFinish)
	signedIn("GET", "/setup/done", p.setUpDone)

	// Check this device
	visitor("GET", "/device", p.devicePage)
	visitor("GET", "/device/options", p.deviceOptions, passive)
	visitor("POST", "/device/report", p.deviceReport, passive)

	// What a support code stands for
	signedIn("GET", "/support", p.supportPage)
	signedIn("POST", "/support", p.support, keeps("code"))
	signedIn("GET", "/support/case", p.supportCase)
	signedIn("GET", "/device/result", func(r *request) error { return r.redirect("/support") }) // where the box was before

	settledIn("GET", "/me", p.home)
	settledIn("GET", "/me/profile", p.profile)
	settledIn("GET", "/me/self-service", p.selfService)
	signedIn("GET", "/me/tokens", p.tokens)
	signedIn("GET", "/me/tokens/register", p.registerPage)
	signedIn("POST", "/me/tokens/register", p.register, takes(maxAttestation))
	signedIn("GET", "/me/tokens/register/options", p.registerOptions, passive)
	signedIn("POST", "/me/tokens/register/outcome", p.registerPromptEnded, passive)
	signedIn("GET", "/me/tokens/register/exists", p.existsPage)
	signedIn("GET", "/me/tokens/{id}/name", p.namePage)
	signedIn("POST", "/me/tokens/{id}/name", p.name, keeps("nickname"))
	signedIn("GET", "/me/tokens/{id}/try", p.tryPage)
	signedIn("POST", "/me/tokens/{id}/try", p.try)
	signedIn("GET", "/me/tokens/{id}/try/options", p.tryOptions, passive)
	signedIn("POST", "/me/tokens/{id}/try/outcome", p.tryPromptEnded, passive)
	signedIn("GET", "/me/tokens/{id}/done", p.donePage)
	signedIn("GET", "/me/tokens/{id}/edit", p.editPage)
	signedIn("POST", "/me/tokens/{id}/edit", p.edit, keeps("nickname"))
	signedIn("GET", "/me/tokens/{id}/remove", p.removePage)
	signedIn("POST", "/me/tokens/{id}/remove", p.remove)
	signedIn("POST", "/me/tokens/{id}/restore", p.restore)
	signedIn("GET", "/me/tokens/{id}/lost", p.lostPage)
	signedIn("POST", "/me/tokens/{id}/lost", p.stopToken, keeps("reason", "mine"))
	signedIn("GET", "/me/tokens/{id}/stopped", p.stoppedPage)
	signedIn("GET", "/me/tokens/{id}/found", p.foundPage)
	signedIn("POST", "/me/tokens/{id}/found", p.resumeToken)
	signedIn("GET", "/me/tokens/{id}/pin", p.pinPage)
	signedIn("GET", "/me/tokens/{id}/replace", p.replacePage)
	signedIn("POST", "/me/tokens/{id}/replace", p.replace)
	signedIn("GET", "/me/request", p.requestPage)
	signedIn("POST", "/me/request", p.askForToken, keeps("reason", "place", "note"))
	signedIn("GET", "/me/request/sent", p.requestSent)
	signedIn("GET", "/me/mfa", p.methodsPage)
	signedIn("GET", "/me/mfa/start", p.choosePage)
	signedIn("POST", "/me/mfa/later", p.later)
	signedIn("GET", "/me/mfa/app-code", p.appPage)
	signedIn("POST", "/me/mfa/app-code", p.enrolApp)
	signedIn("GET", "/me/password", p.passwordPage)
	signedIn("POST", "/me/password", p.changePassword)
	signedIn("POST", "/me/device", p.markDevice)
	signedIn("GET", "/me/outcome", p.outcomePage, passive)
	signedIn("GET", "/me/confirm", p.confirmPage)
	signedIn("POST", "/me/confirm", p.confirmPassword)
	signedIn("GET", "/me/confirm/options", p.confirmOptions, passive)
	signedIn("POST", "/me/confirm/key", p.confirmKey)
	signedIn("POST", "/me/confirm/outcome", p.confirmPromptEnded, passive)
	signedIn("GET", "/me/sessions", p.sessions)
	signedIn("POST", "/me/sessions/{id}/end", p.endSession)
	signedIn("POST", "/me/sessions/end-others", p.endOtherSessions)
	settledIn("GET", "/me/activity", p.activity)
	signedIn("POST", "/me/activity/not-me", p.activityNotMe)
	signedIn("GET", "/me/recovery-codes", p.recoveryCodesPage)
	signedIn("POST", "/me/recovery-codes", p.makeRecoveryCodes)
	signedIn("GET", "/me/recovery-codes/new", p.newCodesPage)
	signedIn("GET", "/me/recovery-codes/new.txt", p.newCodesFile)

	signedIn("GET", "/models/{aaguid}/picture", p.picture, passive)
	operators("GET", "/ops", p.opsHome)
	operators("GET", "/ops/models", p.models)
	operators("GET", "/ops/models/{aaguid}", p.modelPage)
	operators("POST", "/ops/models/{aaguid}", p.checkModel, keeps("rule", "firmware"))
	operators("GET", "/ops/models/{aaguid}/people", p.modelPeople)
	operators("GET", "/ops/organisations", p.organisations)
	operators("POST", "/ops/people", p.concerned, takes(maxRules))
	operators("GET", "/ops/rules", p.rulesPage)
	operators("POST", "/ops/rules", p.checkRules, takes(maxRules),
		keeps("others", "attestation", "level", "synced", "verify_person", "conveyance", "min_pin", "post_quantum", "finding_*"))
	operators("POST", "/ops/rules/save", p.saveRules, takes(maxRules))
	operators("GET", "/ops/recalls", p.recalls)
	operators("POST", "/ops/recalls", p.startRecall)
	operators("GET", "/ops/recall", p.newRecallPage)
	operators("POST", "/ops/recall", p.checkRecall, keeps("aaguid", "firmware_from", "firmware_below", "until", "reason"))
	operators("GET", "/ops/recalls/{id}", p.recallPage)
	operators("GET", "/ops/recalls/{id}/organisations.csv", p.recallFile)
	operators("GET", "/ops/recalls/{id}/people", p.recallPeople)
	operators("GET", "/ops/recalls/{id}/undo", p.undoRecallPage)
	operators("POST", "/ops/recalls/{id}/undo", p.undoRecall)
	operators("GET", "/ops/reviews", p.reviews)
	operators("POST", "/ops/reviews", p.approve)
	operators("GET", "/ops/reviews/refuse", p.refuseReviewPage)
	operators("POST", "/ops/reviews/refuse", p.refuseReview, keeps("reason"))
	operators("GET", "/ops/metadata", p.metadataPage)
	operators("GET", "/ops/anchors", p.anchorsPage)
	operators("POST", "/ops/anchors", p.checkAnchors, takes(maxAnchorForm))
	operators("POST", "/ops/anchors/add", p.addAnchors, takes(maxAnchorForm))
	operators("POST", "/ops/anchors/{id}/remove", p.removeAnchor)
	operators("POST", "/ops/metadata", p.importMetadata, takes(maxUpload))
	operators("GET", "/ops/metadata/check", p.metadataCheckPage)
	operators("POST", "/ops/metadata/use", p.useMetadata, keeps("choice"))
	operators("GET", "/ops/hold", p.holdPage)
	operators("POST", "/ops/hold", p.decideHold, keeps("decision"))
}

// routes builds the handler of all routes, health checks and static files.
func (p *Portal) routes() http.Handler {
	mux := http.NewServeMux()
	methods := make(map[string][]string)
	p.each(func(route Route, needs requirement, h handler) {
		methods[route.Pattern] = append(methods[route.Pattern], route.Method)
		if route.Body > maxForm {
			p.largeBodies[route.Method+" "+route.Pattern] = route.Body
		}
		mux.HandleFunc(route.Method+" "+route.Pattern, func(w http.ResponseWriter, r *http.Request) {
			p.serve(w, r, route, needs, h)
		})
		if route.Method == http.MethodGet {
			p.pages[route.Pattern] = true
		}
	})
	// The same paths with another method, and all other paths, get our pages instead of the library's plain text.
	for pattern, allowed := range methods {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			for _, m := range allowed {
				w.Header().Add("Allow", m)
			}
			p.serveNoRoute(w, r, func(*request) error { return &statusError{http.StatusMethodNotAllowed, "method not allowed"} })
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		p.serveNoRoute(w, r, func(*request) error { return &statusError{http.StatusNotFound, "no such page"} })
	})
	mux.HandleFunc("GET /healthz", p.health)
	mux.HandleFunc("GET /readyz", p.ready)
	mux.HandleFunc("GET "+relatedOriginsPath, p.relatedOrigins)
	if p.UI != nil {
		mux.Handle("GET /static/", p.UI.Static())
	}
	return mux
}
